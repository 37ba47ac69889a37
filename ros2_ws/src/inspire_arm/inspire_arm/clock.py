"""Whether ROS time runs as time does: the steady clock says how far it may have come.

ROS time that stands still or is slow (a simulation on a busy machine, a late /clock message) is no jump, nor is what it
catches up within the memory; going back is one, and so is running ahead of the farthest that it was before.
"""

from __future__ import annotations

BACK_TOLERANCE = 1_000_000  # ns; system clocks are slewed, not stepped, by less
MEMORY = 1_000_000_000  # ns, at least; what was ahead longer ago than twice this is forgotten


class ClockWatch:
    """Fed with both clocks at every message and tick."""

    def __init__(self, max_jump: float) -> None:
        """Args: max_jump: s that ROS time may get ahead of the steady clock."""
        self._max_jump = int(max_jump * 1e9)
        self._now: int | None = None
        self._since = 0
        self._ahead = self._ahead_before = 0  # farthest ROS time minus steady time, ns, in this memory and the last

    def jump(self, now: int, steady: int) -> float:
        """The jump of ROS time, s, that shows at `now` (ROS time, ns) and `steady` (ns); 0 for none."""
        offset = now - steady
        jump = 0
        if self._now is None:
            self._restart(offset, steady)
        else:
            ahead = offset - max(self._ahead, self._ahead_before)
            if now < self._now - BACK_TOLERANCE:
                jump = now - self._now
            elif ahead > self._max_jump:
                jump = ahead
            if jump:
                self._restart(offset, steady)
            elif steady - self._since > MEMORY:
                self._since, self._ahead_before, self._ahead = steady, self._ahead, offset
            else:
                self._ahead = max(self._ahead, offset)
        self._now = now
        return jump * 1e-9

    def _restart(self, offset: int, steady: int) -> None:
        self._since, self._ahead, self._ahead_before = steady, offset, offset
