"""MoveIt Servo as its users meet it: twists in a named frame, which it forgets 0.1 s after their stamp.

Published: `incoming_command_timeout` 0.1 s, judged by the header's stamp; a twist in the planning frame or in the frame
of the end effector (any other needs a transform that is not there); an empty frame and NaN are refused; it halts then.
"""

from __future__ import annotations

import numpy as np

from inspire_arm.fakes.body import Body
from inspire_arm.motion import NANOSECONDS, Twist
from inspire_policy.rotations import rotate

TIMEOUT = 0.1  # s


class FakeServo:
    """Moves at the newest twist for as long as that is fresh."""

    def __init__(self, body: Body, *, planning_frame: str, tool_frame: str) -> None:
        self.body = body
        self._planning_frame, self._tool_frame = planning_frame, tool_frame
        self._twist: Twist | None = None
        self._in_tool = False
        self._stamp = 0

    def on_twist(self, twist: Twist, *, frame: str, stamp: int) -> None:
        """A twist in `frame`, m/s and rad/s, stamped in ns. One that is refused halts."""
        self._twist = None
        if frame not in (self._planning_frame, self._tool_frame):
            self.body.ignored["unknown frame"] += 1
        elif not (np.isfinite(twist.linear).all() and np.isfinite(twist.angular).all()):
            self.body.ignored["not finite"] += 1
        else:
            self._twist, self._in_tool, self._stamp = twist, frame == self._tool_frame, stamp

    def step(self, dt: float, *, now: int) -> None:
        """Move on for `dt` s that end at `now`, ROS time in ns."""
        if self._twist is None:
            return
        if (now - self._stamp) / NANOSECONDS >= TIMEOUT:
            self._twist = None
            self.body.ignored["stale"] += 1
            return
        twist = self._twist
        if self._in_tool:
            turn = self.body.quaternion
            twist = Twist(rotate(turn, twist.linear), rotate(turn, twist.angular))
        self.body.move(twist, dt)
