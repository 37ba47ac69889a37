"""min, max, mean, std and count of every feature over all frames, kept as sums: the dataset is never in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

PIXELS_EVERY = 20  # frames; images are sampled, as their statistics are of no use to anyone who normalises by a model


class Statistics:
    """Running statistics by feature."""

    def __init__(self) -> None:
        self._sums: dict[str, list[Any]] = {}

    def add(self, name: str, values: np.ndarray) -> None:
        """Numbers (T, n) of a feature."""
        self._fold(name, np.asarray(values, dtype=np.float64), len(values))

    def add_images(self, name: str, images: np.ndarray) -> None:
        """Images uint8 (T, H, W, 3); statistics are per channel, (3, 1, 1), of values 0..1."""
        pixels = images[::PIXELS_EVERY].reshape(-1, 3) / 255.0
        self._fold(name, pixels, len(images[::PIXELS_EVERY]))

    def _fold(self, name: str, rows: np.ndarray, count: int) -> None:
        low, high, total, squares = rows.min(axis=0), rows.max(axis=0), rows.sum(axis=0), (rows**2).sum(axis=0)
        if name not in self._sums:
            self._sums[name] = [low, high, total, squares, len(rows), count]
            return
        sums = self._sums[name]
        sums[0], sums[1] = np.minimum(sums[0], low), np.maximum(sums[1], high)
        sums[2], sums[3], sums[4], sums[5] = sums[2] + total, sums[3] + squares, sums[4] + len(rows), sums[5] + count

    def to_json(self, image_features: set[str]) -> dict[str, dict[str, Any]]:
        """The content of stats.json."""
        found = {}
        for name, (low, high, total, squares, rows, count) in self._sums.items():
            mean = total / rows
            std = np.sqrt(np.maximum(squares / rows - mean**2, 0.0))
            shape = (3, 1, 1) if name in image_features else (-1,)
            numbers = {"min": low, "max": high, "mean": mean, "std": std}
            found[name] = {key: np.reshape(value, shape).tolist() for key, value in numbers.items()}
            found[name]["count"] = [count]
        return found
