"""From librealsense's calibration to ROS: intrinsics as the arrays of a CameraInfo, depth as millimetres.

As realsense-ros does it: R is the identity, P repeats K, every Brown-Conrady variant is called plumb_bob (D400 cameras
call theirs inverse and ship zero coefficients for colour), Kannala-Brandt is equidistant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MILLIMETRE = 0.001


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole and lens of one stream.

    Attributes:
        width, height: px. fx, fy: focal lengths, px. ppx, ppy: principal point, px. model: librealsense's name of the
            distortion. coefficients: five numbers.
    """

    width: int
    height: int
    fx: float
    fy: float
    ppx: float
    ppy: float
    model: str
    coefficients: tuple[float, ...]


@dataclass(frozen=True)
class InfoArrays:
    """The numbers of a CameraInfo: distortion model, d (5 or 4), k (9), r (9), p (12), row-major."""

    model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]


def info_arrays(intrinsics: Intrinsics) -> InfoArrays:
    """The arrays of a CameraInfo for these intrinsics."""
    i = intrinsics
    equidistant = i.model == "kannala_brandt4"
    return InfoArrays(
        model="equidistant" if equidistant else "plumb_bob",
        d=tuple(i.coefficients[: 4 if equidistant else 5]),
        k=(i.fx, 0.0, i.ppx, 0.0, i.fy, i.ppy, 0.0, 0.0, 1.0),
        r=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        p=(i.fx, 0.0, i.ppx, 0.0, 0.0, i.fy, i.ppy, 0.0, 0.0, 0.0, 1.0, 0.0),
    )


def to_millimetres(depth: np.ndarray, units: float) -> np.ndarray:
    """Depth in mm, uint16 (H, W), of raw depth uint16 (H, W) in `units` metres.

    0 stays "unknown"; what does not fit into 16 bits becomes unknown. Millimetres pass through without a copy.
    """
    if abs(units - MILLIMETRE) < 1e-9:
        return depth
    millimetres = np.rint(depth * (units / MILLIMETRE))
    millimetres[millimetres > np.iinfo(np.uint16).max] = 0
    return millimetres.astype(np.uint16)
