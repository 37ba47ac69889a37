"""Sampled codec: an action expert samples the rows; the sequence holds neither queries nor codes."""

from __future__ import annotations

import numpy as np

from inspire_policy.codecs.base import FixedCodes, checked_rows


class SampledCodec(FixedCodes):
    """Rows as they are."""

    kind = "sampled"
    queries = 0

    def __init__(self, chunk_length: int) -> None:
        self.chunk_length = chunk_length

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """The rows (chunk_length, 7) float32, checked and clipped."""
        return checked_rows(rows, self.chunk_length).astype(np.float32)

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """The rows (chunk_length, 7) float32 that the expert has sampled, checked and clipped."""
        return checked_rows(predicted, self.chunk_length).astype(np.float32)
