"""CRISP's Cartesian impedance controller as its users meet it: compliant, and deaf to targets of two publishers.

Published: targets in the base frame; they are ignored while more than one publisher is on the topic; no time-out. Its
response is about of first order: it moves at `rate` times the distance to the target.
"""

from __future__ import annotations

import numpy as np

from inspire_arm.fakes.body import Body, first_order
from inspire_policy.action import ActionContract

RATE = ActionContract.lead_gain  # 1/s: the declared stiffness matches the contract


class FakeCrisp:
    """Tends to the last target that it took."""

    def __init__(self, body: Body, *, base_frame: str) -> None:
        self.body = body
        self._base_frame = base_frame
        self._target = body.position, body.quaternion

    def on_pose(self, position: np.ndarray, quaternion: np.ndarray, *, frame: str, publishers: int = 1) -> None:
        """A target in `frame`, from a topic that so many publish."""
        if publishers > 1:
            self.body.ignored["more than one publisher"] += 1
        elif frame != self._base_frame:
            self.body.ignored["wrong frame"] += 1
        else:
            self._target = position, quaternion

    def step(self, dt: float, *, now: int) -> None:
        """Move on for `dt` s."""
        self.body.approach(*self._target, first_order(RATE, dt))
