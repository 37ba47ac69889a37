"""What a synthetic camera sees: a moving test picture of known geometry, or renders from a file. No librealsense.

Depth and colour camera of the test picture stand apart as on a D435 and have different lenses, so that aligning depth
to colour is real work with a known result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from inspire_camera.errors import CameraError
from inspire_camera.settings import Profile

BASELINE = 0.015  # m from depth to colour camera, as on a D435
WALL, BOX = 1.5, 0.8  # m in front of the camera
BOX_HALF = 0.12  # m
BOX_COLOUR = (220, 40, 40)
SWING, SWING_FRAMES = 0.2, 90  # m to each side, frames for there and back


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion, centred: width, height and focal length in px."""

    width: int
    height: int
    focal: float

    def at(self, distance: float, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """x (width,) and y (height,) in m that the pixels see on a plane at `distance` m; `shift`: of x, m."""
        x = (np.arange(self.width) - self.width / 2) * distance / self.focal - shift
        y = (np.arange(self.height) - self.height / 2) * distance / self.focal
        return x, y


class Scene(Protocol):
    """Pictures by number, and the two cameras that take them."""

    @property
    def color(self) -> Pinhole: ...
    @property
    def depth(self) -> Pinhole: ...
    @property
    def baseline(self) -> float:
        """m: what the depth camera has at x, the colour camera has at x + baseline."""
        ...

    def picture(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """RGB uint8 (H, W, 3) and depth uint16 (h, w) in mm of frame `number`."""
        ...


class TestPicture:
    """A red box that swings from side to side in front of a wall."""

    __test__ = False  # no test case, for all its name
    baseline = BASELINE

    def __init__(self, color: Profile, depth: Profile) -> None:
        self.color = Pinhole(color.width, color.height, 0.95 * color.width)
        self.depth = Pinhole(depth.width, depth.height, 0.6 * depth.width)
        rows = np.linspace(40, 200, color.height, dtype=np.uint8)[:, None]
        columns = np.linspace(0, 120, color.width, dtype=np.uint8)[None, :]
        self._wall = np.stack(np.broadcast_arrays(np.uint8(60), rows, columns), axis=2)

    def box_x(self, number: int) -> float:
        """m: where the middle of the box is, seen from the depth camera, in frame `number`."""
        return SWING * float(np.sin(2 * np.pi * number / SWING_FRAMES))

    def picture(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """See Scene."""
        x = self.box_x(number)
        rgb = self._wall.copy()
        rgb[self._box(self.color, x, BASELINE)] = BOX_COLOUR
        depth = np.full((self.depth.height, self.depth.width), WALL * 1e3, np.uint16)
        depth[self._box(self.depth, x, 0.0)] = BOX * 1e3
        return rgb, depth

    @staticmethod
    def _box(camera: Pinhole, middle: float, shift: float) -> tuple[slice, slice]:
        x, y = camera.at(BOX, shift)
        return _within(y, 0.0), _within(x, middle)


def _within(values: np.ndarray, middle: float) -> slice:
    """Where increasing `values` lie on the box."""
    first, last = np.searchsorted(values, (middle - BOX_HALF, middle + BOX_HALF))
    return slice(int(first), int(last))


class Renders:
    """Pictures of a simulator, rendered with one camera, shown one after another and again from the start."""

    baseline = 0.0

    def __init__(self, rgb: np.ndarray, depth: np.ndarray, focal: float) -> None:
        """
        Args:
            rgb: uint8 (N, H, W, 3). depth: uint16 (N, H, W), mm. focal: px.

        Raises:
            CameraError: other types or shapes.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3 or len(rgb) == 0:
            raise CameraError(f"renders: expected rgb uint8 (N, H, W, 3), found {rgb.dtype} {rgb.shape}")
        if depth.dtype != np.uint16 or depth.shape != rgb.shape[:3]:
            raise CameraError(
                f"renders: expected depth_mm uint16 {rgb.shape[:3]} in mm, found {depth.dtype} {depth.shape}"
            )
        if not focal > 0:
            raise CameraError(f"renders: expected a focal length above 0 px, found {focal:g}")
        self.color = self.depth = Pinhole(rgb.shape[2], rgb.shape[1], focal)
        self._rgb, self._depth = rgb, depth

    @classmethod
    def load(cls, file: Path) -> Renders:
        """Read an .npz with rgb, depth_mm and focal. Raises CameraError."""
        try:
            with np.load(file) as arrays:
                return cls(arrays["rgb"], arrays["depth_mm"], float(arrays["focal"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, CameraError):
                raise
            raise CameraError(
                f"synthetic_pictures: expected an .npz with rgb (N, H, W, 3) uint8, depth_mm (N, H, W) uint16 and "
                f"focal in px, found {file}: {error}"
            ) from error

    def picture(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """See Scene."""
        return self._rgb[number % len(self._rgb)], self._depth[number % len(self._depth)]
