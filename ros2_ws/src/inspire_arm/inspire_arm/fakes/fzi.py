"""FZI's cartesian_motion_controller as its users meet it: it goes on to the last target, however old that is.

Published: targets in the robot's base link only and without NaN, others are ignored with a warning; no time-out; it
starts with the pose where it is as its target.
"""

from __future__ import annotations

import numpy as np

from inspire_arm.fakes.body import Body, first_order

RATE = 25.0  # 1/s; stiff: it is at a target within about 0.1 s


class FakeFzi:
    """Goes to the last target that it took."""

    def __init__(self, body: Body, *, base_frame: str) -> None:
        self.body = body
        self._base_frame = base_frame
        self._target = body.position, body.quaternion

    def on_pose(self, position: np.ndarray, quaternion: np.ndarray, *, frame: str, publishers: int = 1) -> None:
        """A target in `frame`; how many publish it is no matter."""
        if frame != self._base_frame:
            self.body.ignored["wrong frame"] += 1
        elif not (np.isfinite(position).all() and np.isfinite(quaternion).all()):
            self.body.ignored["not finite"] += 1
        else:
            self._target = position, quaternion

    def step(self, dt: float, *, now: int) -> None:
        """Move on for `dt` s."""
        self.body.approach(*self._target, first_order(RATE, dt))
