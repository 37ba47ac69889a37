"""Image geometry: one function from a camera's image to the model's, used by training and by the robot.

Order: flip, centre crop, one resize. The cast to float and the normalisation are inside the exported graph, so what
leaves here is uint8. OpenCV is deterministic for these operations; golden images in the tests pin them. "area"
averages when shrinking; the other filters do not anti-alias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

FLIPS = ("none", "vertical", "rotate180")
FILTERS = {
    "area": cv2.INTER_AREA,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}


@dataclass(frozen=True)
class ImageGeometry:
    """What happens to one camera's image before the model sees it.

    Attributes:
        width, height: of the model's image, px.
        crop: fraction of the AREA kept by a centre crop, (0, 1]; 1 keeps all (0.9 is the published evaluation's).
        flip: "none", "vertical" (upside down) or "rotate180".
        filter: "area", "bilinear", "bicubic" or "lanczos".
    """

    width: int
    height: int
    crop: float = 1.0
    flip: str = "none"
    filter: str = "area"

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"image geometry: expected width and height >= 1 px, found {self.width} x {self.height}")
        if not 0.0 < self.crop <= 1.0:
            raise ValueError(f"image geometry: expected 0 < crop <= 1 (fraction of the area), found {self.crop}")
        if self.flip not in FLIPS:
            raise ValueError(f"image geometry: expected flip one of {', '.join(FLIPS)}, found {self.flip!r}")
        if self.filter not in FILTERS:
            raise ValueError(f"image geometry: expected filter one of {', '.join(FILTERS)}, found {self.filter!r}")

    def check_source(self, width: int, height: int) -> None:
        """Raises ValueError when a camera's image of this size (px) would be stretched or enlarged."""
        if (
            abs(width / max(height, 1) * self.height / self.width - 1.0) > 0.02
            or width < self.width
            or height < self.height
        ):
            raise ValueError(
                f"image: expected at least {self.width}x{self.height} px of that aspect ratio, found {width}x{height}; "
                "set the camera's resolution, or the policy's parameter other_aspect to centre"
            )

    def centred(self, rgb: np.ndarray) -> np.ndarray:
        """The largest centre part of an image (H, W, 3) that has the model's aspect ratio, as a view."""
        rows, columns = rgb.shape[:2]
        if columns * self.height > rows * self.width:
            width = max(1, round(rows * self.width / self.height))
            left = (columns - width) // 2
            return rgb[:, left : left + width]
        height = max(1, round(columns * self.height / self.width))
        top = (rows - height) // 2
        return rgb[top : top + height]

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """The model's image, uint8 (height, width, 3), contiguous, of an RGB image uint8 (H, W, 3).

        Raises ValueError.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise ValueError(f"image: expected uint8 of shape (height, width, 3), found {rgb.dtype} {rgb.shape}")
        image = rgb
        if self.flip == "vertical":
            image = image[::-1]
        elif self.flip == "rotate180":
            image = image[::-1, ::-1]
        if self.crop < 1.0:
            side = math.sqrt(self.crop)
            rows = max(1, round(image.shape[0] * side))
            columns = max(1, round(image.shape[1] * side))
            top = (image.shape[0] - rows) // 2
            left = (image.shape[1] - columns) // 2
            image = image[top : top + rows, left : left + columns]
        if image.shape[:2] != (self.height, self.width):
            image = cv2.resize(
                np.ascontiguousarray(image), (self.width, self.height), interpolation=FILTERS[self.filter]
            )
        return np.ascontiguousarray(image)
