"""What happens to the cameras' images: each fault is made for a rig and changes, delays, repeats or drops them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

import numpy as np
from sensor_msgs.msg import Image

from inspire_bringup.faults.cameras import Fault, faithful
from inspire_bringup.faults.rig import Rig
from inspire_policy.ros.messages import stamp_ns, to_rgb_image, to_stamp


def changed(make: Callable[[Rig], Fault]) -> Callable[[Rig], int]:
    """The cameras' images are changed by what `make` returns."""

    def inject(rig: Rig) -> int:
        assert rig.cameras is not None
        fault = make(rig)
        onset = time.monotonic_ns()
        rig.cameras.fault = fault
        return onset

    return inject


def without(name: str = "") -> Callable[[Rig], Fault]:
    """No image of a camera; of none without a name."""
    return lambda rig: lambda camera, image: () if name in ("", camera) else faithful(camera, image)


def frozen(rig: Rig) -> Fault:
    """The last image with its stamp again and again."""
    assert rig.cameras is not None
    last = dict(rig.cameras.last)
    return lambda camera, image: ((0.0, last[camera]),)


def late(seconds: float) -> Callable[[Rig], Fault]:
    """Each comes so much later."""
    return lambda rig: lambda camera, image: ((seconds, image),)


def swapped(rig: Rig) -> Fault:
    """Of each two the second comes first, for all cameras alike."""
    kept: dict[str, Image] = {}
    stamps: list[int] = []

    def swap(camera: str, image: Image) -> Iterable[tuple[float, Image]]:
        stamp = stamp_ns(image.header.stamp)
        if stamp not in stamps:
            stamps.append(stamp)
        if stamps.index(stamp) % 2 == 0:
            kept[camera] = image
            return ()
        return ((0.0, image), (0.01, kept.pop(camera, image)))

    return swap


def repeated(rig: Rig) -> Fault:
    """Each three times."""
    return lambda camera, image: ((0.0, image), (0.01, image), (0.02, image))


def stamped(seconds: float) -> Callable[[Rig], Fault]:
    """Stamps so far ahead."""

    def make(rig: Rig) -> Fault:
        def ahead(camera: str, image: Image) -> Iterable[tuple[float, Image]]:
            image.header.stamp = to_stamp(stamp_ns(image.header.stamp) + round(seconds * 1e9))
            return ((0.0, image),)

        return ahead

    return make


def nan(rig: Rig) -> Fault:
    """Floats that are no numbers."""

    def spoil(camera: str, image: Image) -> Iterable[tuple[float, Image]]:
        data = np.full((image.height, image.width), math.nan, dtype=np.float32).tobytes()
        changed = Image(
            header=image.header,
            height=image.height,
            width=image.width,
            encoding="32FC1",
            step=4 * image.width,
            data=data,
        )
        return ((0.0, changed),)

    return spoil


def cut(rig: Rig) -> Fault:
    """Half of the bytes."""

    def shorten(camera: str, image: Image) -> Iterable[tuple[float, Image]]:
        image.data = image.data[: len(image.data) // 2]
        return ((0.0, image),)

    return shorten


def blank(rig: Rig) -> Fault:
    """Black pictures."""

    def blacken(camera: str, image: Image) -> Iterable[tuple[float, Image]]:
        black = np.zeros((image.height, image.width, 3), dtype=np.uint8)
        return ((0.0, to_rgb_image(black, stamp_ns(image.header.stamp), image.header.frame_id)),)

    return blacken
