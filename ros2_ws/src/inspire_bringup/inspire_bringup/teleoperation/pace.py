"""When an operator's next action is due: one per control period, however fast the body speaks.

realtime: an action for every period of the body's own stamps, also while the operator rests, so that the gate is never
left in silence. lockstep: the world waits for its operator, so an observation is answered only while the operator holds
on, and not faster than a hand can follow.
"""

from __future__ import annotations

SLACK = 0.1  # share of a period by which a body's stamps may jitter


class Pace:
    """Args: period: control period, s. lockstep: see the module."""

    def __init__(self, period: float, *, lockstep: bool) -> None:
        self._period, self._lockstep = period, lockstep
        self._stamp: int | None = None
        self._steady = float("-inf")

    def due(self, stamp: int, *, now: float, busy: bool) -> bool:
        """Whether the observation at `stamp` ns is to be answered at `now`, steady seconds."""
        if self._lockstep:
            return busy and now - self._steady >= self._period
        if self._stamp is None or stamp < self._stamp:
            return True
        return (stamp - self._stamp) * 1e-9 >= self._period * (1.0 - SLACK)

    def answered(self, stamp: int, *, now: float) -> None:
        """Note an answer."""
        self._stamp, self._steady = stamp, now
