"""A camera on the bench: librealsense's software device, fed frame by frame by the test, plugged in and pulled out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyrealsense2 as rs

from inspire_camera.errors import CameraError
from inspire_camera.scenes import Scene, TestPicture
from inspire_camera.settings import Profile
from inspire_camera.sources.synthetic import SyntheticDevice
from inspire_camera.stamps import Domain

COLOR, DEPTH = Profile(160, 120, 30), Profile(96, 72, 30)
PERIOD = 1 / 30  # s


def wait(condition: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    """Poll until `condition` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
        time.sleep(0.005)


class Bench:
    """A Source. `feed` shows pictures; an unplugged camera is neither fed nor found."""

    replayed = False
    repeat = False

    def __init__(self, *, domain: Domain = Domain.GLOBAL, units: float = 0.001, scene: Scene | None = None) -> None:
        self.scene = scene or TestPicture(COLOR, DEPTH)
        self._domain, self._units = domain, units
        self._plugged = True
        self._device: SyntheticDevice | None = None
        self._lock = threading.Lock()
        self.streaming = False
        self.connections = 0
        self.number = self.fed = 0

    def connect(self) -> rs.device:
        if not self._plugged:
            raise CameraError("camera: expected the bench's camera, found it unplugged; plug it in")
        self._device = SyntheticDevice(self.scene, fps=30, domain=self._domain, units=self._units)
        self.connections += 1
        self.number = 0
        return self._device.device

    def started(self) -> None:
        self.streaming = True

    def over(self) -> bool:
        return False

    def release(self) -> None:
        with self._lock:
            self.streaming = False
            self._device = None

    def unplug(self) -> None:
        self._plugged = False

    def plug(self) -> None:
        self._plugged = True

    def feed(self, count: int = 1, *, skip: int = 0, clock: Callable[[], float] = time.time) -> None:
        """Show `count` pictures at the frame rate, after `skip` frames that are lost on their way."""
        self.number += skip
        for _ in range(count):
            with self._lock:
                if self._plugged and self.streaming and self._device is not None:
                    self.number += 1
                    self.fed += 1
                    self._device.feed(self.number, clock() * 1e3)
            time.sleep(PERIOD)

    def feed_until(self, condition: Callable[[], object], what: str, *, clock: Callable[[], float] = time.time) -> None:
        """Show pictures until `condition` is true: librealsense drops frames where the machine is busy."""

        def fed() -> bool:
            self.feed(3, clock=clock)
            return bool(condition())

        wait(fed, what)


def record(file: Path, count: int, *, scene: Scene, first: float = 1.7e12) -> None:
    """Record `count` frames of a software device with librealsense's own recorder; stamps from `first` ms on."""
    device = SyntheticDevice(scene, fps=30)
    recorder = rs.recorder(str(file), device.device)
    syncer = rs.syncer()
    sensors = recorder.query_sensors()
    for sensor in sensors:
        sensor.open(sensor.get_stream_profiles())
        sensor.start(syncer)
    for number in range(1, count + 1):
        device.feed(number, first + number * PERIOD * 1e3)
        time.sleep(PERIOD)
    for sensor in sensors:
        sensor.stop()
        sensor.close()
