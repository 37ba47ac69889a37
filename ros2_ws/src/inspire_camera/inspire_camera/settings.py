"""What a camera is asked for: where it comes from, its name on the graph, the profiles of its streams, its
patience."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inspire_camera.errors import CameraError
from inspire_camera.stamps import Domain

_PROFILE = re.compile(r"^(\d+)[xX,](\d+)[xX,](\d+)$")
LIVE, FILE, SYNTHETIC = "live", "file", "synthetic"
CLOCKS = {"global": Domain.GLOBAL, "system": Domain.SYSTEM, "hardware": Domain.HARDWARE}
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")


@dataclass(frozen=True)
class Profile:
    """Width and height in pixels, frames per second."""

    width: int
    height: int
    fps: int

    @classmethod
    def parse(cls, text: str, *, name: str = "profile") -> Profile:
        """The profile of a text such as 640x480x30, as realsense-ros writes it. Raises CameraError."""
        found = _PROFILE.match(text.strip())
        profile = cls(*map(int, found.groups())) if found else None
        if profile is None or not (
            16 <= profile.width <= 4096 and 16 <= profile.height <= 4096 and 1 <= profile.fps <= 300
        ):
            raise CameraError(
                f"{name}: expected WIDTHxHEIGHTxFPS such as 640x480x30 (16 to 4096 pixels, 1 to 300 Hz), found {text!r}"
            )
        return profile

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.fps}"


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Where the frames come from.

    Attributes:
        kind: LIVE, FILE or SYNTHETIC.
        serial: of a live camera; empty: the only one.
        file: a recording. repeat: play it again and again. replayed: its first frame is now.
        pictures: file of renders for a synthetic camera; empty: a test picture. clock: that stamps a synthetic camera's
            frames, a key of CLOCKS. color, depth: profiles of a synthetic camera.
    """

    kind: str = LIVE
    serial: str = ""
    file: str = ""
    repeat: bool = False
    replayed: bool = True
    pictures: str = ""
    clock: str = "global"
    color: Profile = Profile(640, 480, 30)
    depth: Profile = Profile(640, 480, 30)

    @property
    def fixed_sizes(self) -> bool:
        """Whether the frames are as they were made, whatever the profiles say."""
        return self.kind == FILE or (self.kind == SYNTHETIC and bool(self.pictures))

    @property
    def hardware(self) -> str:
        """What the camera is, for people."""
        return {LIVE: f"RealSense {self.serial or '(the only one)'}", FILE: self.file}.get(self.kind, self.kind)


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """One camera.

    Attributes:
        name: in topics and frames. color, depth: profiles; depth None: no depth stream. Both are None where the source
            says by itself what it has (a recording).
        align_depth: whether depth is wanted, seen from the colour camera.
        frame_timeout: s without a colour frame after which the camera counts as lost.
        reconnect_delay, reconnect_delay_max: s before the first attempt to connect again, and at most.
        max_clock_error: s, largest error of the estimated offset of a hardware clock.
    """

    name: str = "camera"
    color: Profile | None = Profile(640, 480, 30)
    depth: Profile | None = Profile(640, 480, 30)
    align_depth: bool = True
    frame_timeout: float = 1.0
    reconnect_delay: float = 0.5
    reconnect_delay_max: float = 5.0
    max_clock_error: float = 0.02

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise CameraError(
                f"camera_name: expected a letter, then letters, digits and underscores, such as wrist, "
                f"found {self.name!r}"
            )
        if not 0 < self.reconnect_delay <= self.reconnect_delay_max:
            raise CameraError(
                "reconnect_delay: expected more than 0 and at most reconnect_delay_max, "
                f"found {self.reconnect_delay:g} s and {self.reconnect_delay_max:g} s"
            )

    @property
    def optical_frame(self) -> str:
        """The frame of colour and aligned depth: z forward, x right, y down."""
        return f"{self.name}_color_optical_frame"

    def topic(self, leaf: str) -> str:
        """A topic of this camera, relative, such as camera/wrist/color/image_raw."""
        return f"camera/{self.name}/{leaf}"
