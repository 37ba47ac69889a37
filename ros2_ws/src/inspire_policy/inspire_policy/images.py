"""Image geometry: one function from a camera's image to the model's, used by training and by the robot.

Order: flip, centre crop, one resize; or, as the published evaluation has it, flip, resize, centre crop and a second
resize back (`resize_first`). The cast to float and the normalisation are inside the exported graph, so what leaves here
is uint8. Golden images in the tests pin every stage. "area" averages when shrinking and the other filters of OpenCV do
not anti-alias; those named pillow_ do, and give Pillow's pixels to the bit (see resampling).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from inspire_policy.resampling import KERNELS, resample

FLIPS = ("none", "vertical", "rotate180")
FILTERS = {
    "area": cv2.INTER_AREA,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
PILLOW = "pillow_"
FILTER_NAMES = (*FILTERS, *(PILLOW + name for name in KERNELS))


@dataclass(frozen=True)
class ImageGeometry:
    """What happens to one camera's image before the model sees it.

    Attributes:
        width, height: of the model's image, px.
        crop: fraction of the AREA kept by a centre crop, (0, 1]; 1 keeps all (0.9 is the published evaluation's).
        flip: "none", "vertical" (upside down) or "rotate180".
        filter: of the resize, one of FILTER_NAMES.
        resize_first: whether the whole image is resized to width x height, and the crop then brought back to that size
            with `crop_filter`; its sides are rounded down, and its offset too.
        crop_filter: one of FILTER_NAMES; without `resize_first` not used.
    """

    width: int
    height: int
    crop: float = 1.0
    flip: str = "none"
    filter: str = "area"
    resize_first: bool = False
    crop_filter: str = "pillow_bilinear"

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"image geometry: expected width and height >= 1 px, found {self.width} x {self.height}")
        if not 0.0 < self.crop <= 1.0:
            raise ValueError(f"image geometry: expected 0 < crop <= 1 (fraction of the area), found {self.crop}")
        if self.flip not in FLIPS:
            raise ValueError(f"image geometry: expected flip one of {', '.join(FLIPS)}, found {self.flip!r}")
        for name in ("filter", "crop_filter"):
            if getattr(self, name) not in FILTER_NAMES:
                raise ValueError(
                    f"image geometry: expected {name} one of {', '.join(FILTER_NAMES)}, found {getattr(self, name)!r}"
                )

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
        if self.resize_first:
            image = self._resized(image, self.filter)
            if self.crop < 1.0:
                side = math.sqrt(self.crop)
                image = self._resized(_centre(image, int(side * self.height), int(side * self.width)), self.crop_filter)
            return np.ascontiguousarray(image)
        if self.crop < 1.0:
            side = math.sqrt(self.crop)
            image = _centre(image, max(1, round(image.shape[0] * side)), max(1, round(image.shape[1] * side)))
        return np.ascontiguousarray(self._resized(image, self.filter))

    def _resized(self, image: np.ndarray, filter_name: str) -> np.ndarray:
        """The image at width x height; the very same where it has that size."""
        if image.shape[:2] == (self.height, self.width):
            return image
        if filter_name.startswith(PILLOW):
            return resample(image, self.width, self.height, filter_name.removeprefix(PILLOW))
        size = (self.width, self.height)
        return np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=FILTERS[filter_name]))


def _centre(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The middle of an image, as a view."""
    rows, columns = max(1, rows), max(1, columns)
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]
