"""A device's streams, started and read: colour frames with the depth that belongs to them, seen from the colour camera.

The sensors are opened themselves, not a pipeline, because librealsense's pipeline takes neither a software device nor
another's player; the syncer and the alignment are the same that a pipeline uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyrealsense2 as rs

from inspire_camera.calibration import Intrinsics, to_millimetres
from inspire_camera.errors import CameraError
from inspire_camera.settings import CameraSettings, Profile
from inspire_camera.stamps import Domain

QUEUE = 2  # framesets that may wait: an image that nobody fetched in time is out of date


@dataclass(frozen=True)
class Frame:
    """One colour frame.

    Attributes:
        number: the device's own count. milliseconds, domain: its time stamp and the clock of it.
        rgb: uint8 (H, W, 3). intrinsics: of colour, and of aligned depth.
        depth: uint16 (H, W) in mm, aligned to colour; None when none came with it or none was asked for.
        has_depth: whether depth came with it, asked for or not.
    """

    number: int
    milliseconds: float
    domain: Domain
    rgb: np.ndarray
    intrinsics: Intrinsics
    depth: np.ndarray | None
    has_depth: bool


class Streams:
    """The started streams of one device.

    Raises:
        CameraError: the device has no such stream, or refuses to start it.
    """

    def __init__(self, device: rs.device, settings: CameraSettings) -> None:
        wanted = [choose(device, rs.stream.color, rs.format.rgb8, settings.color, "color_profile")]
        if settings.align_depth:
            wanted.append(choose(device, rs.stream.depth, rs.format.z16, settings.depth, "depth_profile"))
        self._syncer = rs.syncer(QUEUE)
        self._align = rs.align(rs.stream.color)
        self._device = device
        self._sensors: list[rs.sensor] = []
        try:
            # One sensor may hold both streams (D405): all its profiles are opened at once.
            for index in sorted({index for index, _ in wanted}):
                sensor = device.query_sensors()[index]
                sensor.open([profile for owner, profile in wanted if owner == index])
                self._sensors.append(sensor)
            for sensor in self._sensors:
                sensor.start(self._syncer)
        except RuntimeError as error:
            self.close()
            raise CameraError(
                f"camera: expected to start {settings.color or 'colour'}"
                f"{f' and depth {settings.depth}' if settings.align_depth else ''}, found: {error}; end other programs "
                "that use the camera, or ask for less at a USB 2 port"
            ) from error

    @property
    def connected(self) -> bool:
        """Whether librealsense still sees the device."""
        return bool(self._device.is_connected())

    def read(self, timeout: float, *, depth: bool) -> Frame | None:
        """The next colour frame, or None within `timeout` s. `depth`: align the depth that came with it."""
        came, frames = self._syncer.try_wait_for_frames(round(timeout * 1e3))
        color = frames.get_color_frame() if came else None
        if not color:
            return None
        raw = frames.get_depth_frame()
        has_depth = bool(raw)
        aligned = None
        if depth and has_depth:
            aligned_frame = self._align.process(frames).get_depth_frame()
            aligned = to_millimetres(np.asanyarray(aligned_frame.get_data()), aligned_frame.get_units())
        return Frame(
            number=color.get_frame_number(),
            milliseconds=color.get_timestamp(),
            domain=Domain(color.get_frame_timestamp_domain().name),
            rgb=np.asanyarray(color.get_data()),
            intrinsics=_intrinsics(color.get_profile()),
            depth=aligned,
            has_depth=has_depth,
        )

    def close(self) -> None:
        """Stop what was started; a device that is gone refuses, and needs it no more."""
        for sensor in self._sensors:
            for end in (sensor.stop, sensor.close):
                try:
                    end()
                except RuntimeError:
                    continue
        self._sensors.clear()


def check_streams(device: rs.device, settings: CameraSettings) -> None:
    """See that the device has what is asked for. Raises CameraError."""
    choose(device, rs.stream.color, rs.format.rgb8, settings.color, "color_profile")
    if settings.align_depth:
        choose(device, rs.stream.depth, rs.format.z16, settings.depth, "depth_profile")


def choose(
    device: rs.device, kind: rs.stream, form: rs.format, wanted: Profile | None, name: str
) -> tuple[int, rs.video_stream_profile]:
    """Index of the sensor and profile of a stream.

    Args:
        wanted: None: the first of this kind. name: the parameter to blame.

    Raises:
        CameraError: with the profiles that the device has.
    """
    found = []
    for index, sensor in enumerate(device.query_sensors()):
        for profile in _videos(sensor.get_stream_profiles()):
            if profile.stream_type() == kind and profile.format() == form:
                size = Profile(profile.width(), profile.height(), profile.fps())
                if wanted is None or size == wanted:
                    return index, profile
                found.append(str(size))
    what = {rs.stream.color: "a colour stream in rgb8", rs.stream.depth: "a depth stream in z16"}[kind]
    mend = "set align_depth:=false" if kind == rs.stream.depth else "use a camera or a recording that has one"
    raise CameraError(
        f"{name}: expected {what}{f' of {wanted}' if wanted else ''}, found {', '.join(found) or 'none'}; "
        f"{'set it to one of them' if found else mend}"
    )


def _videos(profiles: Iterable[rs.stream_profile]) -> list[rs.video_stream_profile]:
    return [profile.as_video_stream_profile() for profile in profiles if profile.is_video_stream_profile()]


def _intrinsics(profile: rs.stream_profile) -> Intrinsics:
    i = profile.as_video_stream_profile().get_intrinsics()
    return Intrinsics(i.width, i.height, i.fx, i.fy, i.ppx, i.ppy, i.model.name, tuple(i.coeffs))
