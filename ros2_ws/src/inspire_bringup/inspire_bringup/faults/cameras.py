"""Synthetic cameras: pictures that the bundle was checked with, at 20 Hz, which a fault may change, delay or drop."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count

import numpy as np
from sensor_msgs.msg import Image

from inspire_policy.ros.messages import to_rgb_image

PERIOD = 0.05  # s
Fault = Callable[[str, Image], Iterable[tuple[float, Image]]]


def faithful(camera: str, image: Image) -> Iterable[tuple[float, Image]]:
    """The image, at once."""
    return ((0.0, image),)


class Cameras(threading.Thread):
    """Publishes until `stop`.

    Args:
        publish: camera -> takes a message. now: ROS time, ns. pictures: camera -> RGB uint8 (H, W, 3).
    """

    def __init__(
        self,
        publish: Mapping[str, Callable[[Image], None]],
        now: Callable[[], int],
        pictures: Mapping[str, np.ndarray],
    ) -> None:
        super().__init__(daemon=True, name="cameras")
        self.fault: Fault = faithful
        self.last: dict[str, Image] = {}  # the newest image of each camera that was not changed
        self._publish, self._now, self._pictures = publish, now, pictures
        self._over = threading.Event()

    @property
    def names(self) -> tuple[str, ...]:
        """The cameras."""
        return tuple(self._pictures)

    def run(self) -> None:
        """See the class."""
        waiting: list[tuple[float, int, str, Image]] = []
        order, due = count(), time.monotonic()
        while not self._over.is_set():
            now = time.monotonic()
            if now >= due:
                due = max(due + PERIOD, now)
                stamp = self._now()
                for camera, picture in self._pictures.items():
                    image = to_rgb_image(picture, stamp, f"{camera}_color_optical_frame")
                    fault = self.fault
                    if fault is faithful:
                        self.last[camera] = image
                    for delay, changed in fault(camera, image):
                        heapq.heappush(waiting, (now + delay, next(order), camera, changed))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, camera, image = heapq.heappop(waiting)
                self._publish[camera](image)
            nearest = min(due, waiting[0][0]) if waiting else due
            time.sleep(min(max(0.0005, nearest - time.monotonic()), 0.02))

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()
