"""What the three sources have in common: each hands out a librealsense device; everything after that is the same."""

from __future__ import annotations

from typing import Protocol

import pyrealsense2 as rs


class Source(Protocol):
    """A camera that may be absent, come back, or end.

    Attributes:
        replayed: frames are of another time, the first one is now.
        repeat: when it is over, it is to be connected anew.
    """

    replayed: bool
    repeat: bool

    def connect(self) -> rs.device:
        """The device. Raises CameraError where there is none, with what was found instead."""
        ...

    def started(self) -> None:
        """The streams of the device that was handed out last have been started."""
        ...

    def over(self) -> bool:
        """Nothing more will come from the device that was handed out last, and that is as it should be."""
        ...

    def release(self) -> None:
        """The device that was handed out last is no longer used."""
        ...
