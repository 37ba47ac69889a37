"""Lockstep, as the world sees it: which command answers the present observation, and when to speak again. No ROS, no
clock of its own.

The world publishes the observation of stamp t and waits for a pose and a gripper command of exactly this stamp;
whatever else arrives is a duplicate or belongs to another time.
"""

from __future__ import annotations

import numpy as np

from inspire_sim.simulation import Target

RESEND_SECONDS = 0.5


class Turnstile:
    """Lets one command through per observation.

    Args:
        timeout: s of wall time without an answer after which `expired` is true.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._stamp: int | None = None
        self._pose: tuple[np.ndarray, np.ndarray] | None = None
        self._opening: float | None = None
        self._asked_at = 0.0
        self._sent_at = 0.0
        self.ignored = 0

    def ask(self, stamp: int, now: float) -> None:
        """An observation of `stamp` (ns) goes out at wall time `now` (s)."""
        self._stamp, self._pose, self._opening = stamp, None, None
        self._asked_at = self._sent_at = now

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._stamp = None

    def pose(self, stamp: int, position: np.ndarray, quaternion: np.ndarray) -> None:
        """A commanded pose of `stamp`."""
        if stamp == self._stamp:
            self._pose = (position, quaternion)
        else:
            self.ignored += 1

    def gripper(self, stamp: int, opening: float) -> None:
        """A commanded opening of `stamp`."""
        if stamp == self._stamp:
            self._opening = opening
        else:
            self.ignored += 1

    def take(self) -> Target | None:
        """The complete command, once; None while it is incomplete."""
        if self._stamp is None or self._pose is None or self._opening is None:
            return None
        target = Target(*self._pose, self._opening)
        self._stamp = None
        return target

    def resend_due(self, now: float) -> bool:
        """Whether the observation should be sent again at wall time `now`; notes it as sent."""
        if self._stamp is None or now - self._sent_at < RESEND_SECONDS:
            return False
        self._sent_at = now
        return True

    def expired(self, now: float) -> bool:
        """Whether the observation has waited for longer than the timeout."""
        return self._stamp is not None and now - self._asked_at > self._timeout
