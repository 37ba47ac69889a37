"""A camera without hardware: librealsense's own software device, fed with pictures.

From the frame on everything is librealsense's: its syncer, its alignment, its stamps. Only the pictures and the clock
they are stamped with are made here.
"""

from __future__ import annotations

import threading
import time

import pyrealsense2 as rs

from inspire_camera.scenes import Pinhole, Scene
from inspire_camera.stamps import Domain

SERIAL = "synthetic"


class SyntheticDevice:
    """A software device with a depth and a colour sensor.

    Args:
        scene: what it sees. fps: frames per second that it claims. domain: clock of its stamps. units: m per raw step
            of depth.
    """

    def __init__(self, scene: Scene, *, fps: int, domain: Domain = Domain.GLOBAL, units: float = 0.001) -> None:
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.name, "Synthetic RealSense")
        self.device.register_info(rs.camera_info.serial_number, SERIAL)
        self._scene = scene
        self._domain = getattr(rs.timestamp_domain, domain.value)
        self._units = units
        self._depth_sensor = self.device.add_sensor("Stereo Module")
        self._depth_sensor.add_read_only_option(rs.option.depth_units, units)
        self._color_sensor = self.device.add_sensor("RGB Camera")
        depth = _stream(rs.stream.depth, rs.format.z16, 2, scene.depth, fps)
        color = _stream(rs.stream.color, rs.format.rgb8, 3, scene.color, fps)
        self._depth = self._depth_sensor.add_video_stream(depth)
        self._color = self._color_sensor.add_video_stream(color)
        for sensor in (self._depth_sensor, self._color_sensor):
            # As a camera's firmware tells it; librealsense would else divide by a time that began in 1970, and its
            # syncer, which pairs within half a period, would pair all or nothing.
            sensor.set_metadata(rs.frame_metadata_value.actual_fps, fps * 1000)
        shift = rs.extrinsics()
        shift.rotation = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        shift.translation = [scene.baseline, 0.0, 0.0]
        self._depth.register_extrinsics_to(self._color, shift)
        self.device.create_matcher(rs.matchers.dlr_c)

    def feed(self, number: int, milliseconds: float) -> None:
        """Take one picture, frame `number` of both streams, stamped `milliseconds` on the device's clock."""
        rgb, depth = self._scene.picture(number)
        for sensor, profile, pixels, size in (
            (self._depth_sensor, self._depth, depth, 2),
            (self._color_sensor, self._color, rgb, 3),
        ):
            frame = rs.software_video_frame()
            frame.pixels = pixels
            frame.bpp = size
            frame.stride = size * pixels.shape[1]
            frame.timestamp = milliseconds
            frame.domain = self._domain
            frame.frame_number = number
            frame.profile = profile.as_video_stream_profile()
            if size == 2:
                frame.depth_units = self._units
            sensor.on_video_frame(frame)


def _stream(kind: rs.stream, form: rs.format, size: int, camera: Pinhole, fps: int) -> rs.video_stream:
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = camera.width, camera.height
    intrinsics.fx = intrinsics.fy = camera.focal
    intrinsics.ppx, intrinsics.ppy = camera.width / 2, camera.height / 2
    intrinsics.model = rs.distortion.brown_conrady
    intrinsics.coeffs = [0.0] * 5
    stream = rs.video_stream()
    stream.type, stream.fmt, stream.bpp, stream.fps = kind, form, size, fps
    stream.index = 0
    stream.uid = int(kind)
    stream.width, stream.height, stream.intrinsics = camera.width, camera.height, intrinsics
    return stream


class SyntheticSource:
    """A software device that a thread of its own feeds at its frame rate.

    Args:
        scene: what it sees. fps: frames per second. domain: clock of its stamps.
    """

    replayed = False
    repeat = False

    def __init__(self, scene: Scene, *, fps: int, domain: Domain = Domain.GLOBAL) -> None:
        self._scene, self._fps, self._domain = scene, fps, domain
        self._device: SyntheticDevice | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def connect(self) -> rs.device:
        """A new software device."""
        self._device = SyntheticDevice(self._scene, fps=self._fps, domain=self._domain)
        return self._device.device

    def started(self) -> None:
        """Begin to feed."""
        assert self._device is not None
        self._stop.clear()
        self._thread = threading.Thread(target=self._feed, args=(self._device,), daemon=True, name="synthetic camera")
        self._thread.start()

    def _feed(self, device: SyntheticDevice) -> None:
        clock = time.monotonic if self._domain is Domain.HARDWARE else time.time
        begin, number = time.monotonic(), 0
        while not self._stop.is_set():
            number += 1
            device.feed(number, clock() * 1e3)
            # A picture that comes late is skipped, as a camera would, not made up for.
            number = max(number, int((time.monotonic() - begin) * self._fps))
            self._stop.wait(begin + (number + 1) / self._fps - time.monotonic())

    def over(self) -> bool:
        """Never over."""
        return False

    def release(self) -> None:
        """Stop feeding and drop the device."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._device = None
