"""Where a camera's pixels come to lie in the model's image, and back: what `ImageGeometry.apply` does to coordinates.

Coordinates are continuous: pixel i of a row covers [i, i + 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from inspire_policy.images import ImageGeometry


@dataclass(frozen=True)
class PixelMap:
    """x' = scale_x * x + shift_x, likewise y, from a source image to one of `size` (width, height) px."""

    scale: tuple[float, float]
    shift: tuple[float, float]
    size: tuple[int, int]

    def points(self, xy: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the source in the mapped image; perhaps outside."""
        return np.asarray(xy, dtype=float).reshape(-1, 2) * self.scale + self.shift

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) in the mapped image, perhaps partly outside, corners in order whatever is mirrored."""
        corners = self.points(np.asarray(boxes, dtype=float).reshape(-1, 2)).reshape(-1, 2, 2)
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def inverse(self, size: tuple[int, int]) -> PixelMap:
        """The way back to a source image of `size` px."""
        scale = (1 / self.scale[0], 1 / self.scale[1])
        return PixelMap(scale, (-self.shift[0] * scale[0], -self.shift[1] * scale[1]), size)

    def after(self, first: PixelMap) -> PixelMap:
        """This map behind another one."""
        (a, b), (c, d) = self.scale, self.shift
        return PixelMap(
            (a * first.scale[0], b * first.scale[1]), (a * first.shift[0] + c, b * first.shift[1] + d), self.size
        )


def pixel_map(geometry: ImageGeometry, width: int, height: int) -> PixelMap:
    """What `geometry.apply` does to the pixels of a source image of width x height px."""
    size = (geometry.width, geometry.height)
    mirror_x, mirror_y = geometry.flip == "rotate180", geometry.flip != "none"
    whole = PixelMap(
        (-1.0 if mirror_x else 1.0, -1.0 if mirror_y else 1.0),
        (float(width) if mirror_x else 0.0, float(height) if mirror_y else 0.0),
        (width, height),
    )
    side = math.sqrt(geometry.crop)
    if geometry.resize_first:
        whole = window_map(0, 0, width, height, size).after(whole)
        if geometry.crop == 1.0:
            return whole
        columns, rows = max(1, int(side * geometry.width)), max(1, int(side * geometry.height))
        width, height = size
    else:
        columns, rows = (width, height) if geometry.crop == 1.0 else (round(width * side), round(height * side))
        columns, rows = max(1, columns), max(1, rows)
    return window_map((width - columns) // 2, (height - rows) // 2, columns, rows, size).after(whole)


def window_map(left: float, top: float, width: float, height: float, size: tuple[int, int]) -> PixelMap:
    """A window of the source, px, resized to `size`."""
    scale = (size[0] / width, size[1] / height)
    return PixelMap(scale, (-left * scale[0], -top * scale[1]), size)
