"""From a camera's pixels to the numbers that a language model says, and back.

Two steps, each with its inverse: `inspire_policy.pixel_maps` follows an image through flip, crop and resize, a
`CoordinateCodec` puts coordinates of the model's image on a grid of whole numbers: absolute pixels (Qwen2.5-VL),
thousandths of each side, or location tokens for a small model made from scratch. Coordinates are continuous (see
`records`), so box edges fall on grid lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

KINDS = ("pixels", "thousand", "location")
LOCATION_STEPS = 128


@dataclass(frozen=True)
class CoordinateCodec:
    """Coordinates of an image of `size` (width, height) px as whole numbers 0..steps of each side.

    Attributes:
        kind: one of KINDS; "location" is written as tokens <loc_i>, the others as JSON lists.
    """

    kind: str
    size: tuple[int, int]
    steps: tuple[int, int]

    def encode(self, xy: np.ndarray) -> np.ndarray:
        """Numbers int64 (n, 2) of points (n, 2) px; what lies outside goes to the image's edge.

        Raises ValueError on numbers that are not finite.
        """
        xy = np.asarray(xy, dtype=float).reshape(-1, 2)
        if not np.isfinite(xy).all():
            raise ValueError(f"coordinates: expected finite pixels, found {xy.tolist()}")
        return np.clip(np.rint(self.exact(xy)), 0, self.steps).astype(np.int64)

    def exact(self, xy: np.ndarray) -> np.ndarray:
        """The same without rounding, clipped to the grid; (n, 2)."""
        return np.clip(np.asarray(xy, dtype=float).reshape(-1, 2) / self.size * self.steps, 0, self.steps)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Points (n, 2) px of numbers (n, 2), whole or not. Raises ValueError on what lies off the grid."""
        values = np.asarray(values, dtype=float).reshape(-1, 2)
        if not ((values >= 0) & (values <= self.steps)).all():
            raise ValueError(f"coordinates: expected 0..{self.steps[0]}, 0..{self.steps[1]}, found {values.tolist()}")
        return values / self.steps * self.size

    def text(self, values: np.ndarray) -> str:
        """Rows of numbers (n, 2) or (n, 4) as the model says them."""
        if self.kind == "location":
            return " ".join(location_token(int(v)) for v in np.ravel(values))
        return "[" + ", ".join("[" + ", ".join(str(int(v)) for v in row) + "]" for row in values) + "]"

    def numbers(self, text: str) -> list[list[float]] | list[float]:
        """The numbers of an answer: rows as they stand in JSON (pairs in parentheses too), or all of the tokens.

        Raises ValueError on what cannot be read.
        """
        if self.kind == "location":
            pieces = text.split()
            found = [_LOCATION.fullmatch(piece) for piece in pieces]
            if not pieces or not all(found):
                raise ValueError(f"answer: expected location tokens only, found {text[:80]!r}")
            return [float(match[1]) for match in found if match]
        rows = _ROW.findall(text)
        if not rows:
            raise ValueError(f"answer: expected lists of numbers such as [[12, 34, 56, 78]], found {text[:80]!r}")
        return [[float(v) for v in row.split(",")] for row in rows]


_LOCATION = re.compile(r"<loc_(\d+)>")
_NUMBER = r"\s*-?\d+(?:\.\d+)?\s*"
_ROW = re.compile(rf"[\[(]({_NUMBER}(?:,{_NUMBER})+)[\])]")


def location_token(value: int) -> str:
    """Name of a location token."""
    return f"<loc_{value}>"


def make_coordinates(kind: str, size: tuple[int, int], location_steps: int = LOCATION_STEPS) -> CoordinateCodec:
    """The codec of a kind for images of `size` px. Raises ValueError."""
    if kind not in KINDS:
        raise ValueError(f"coordinates: expected one of {', '.join(KINDS)}, found {kind!r}")
    steps = {"pixels": size, "thousand": (1000, 1000), "location": (location_steps, location_steps)}[kind]
    return CoordinateCodec(kind, size, steps)
