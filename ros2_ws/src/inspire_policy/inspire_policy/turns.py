"""Whose turn it is: which observation a commander still has to answer, how long its answers take, how often they come.
No ROS.

In lockstep the world sends an observation again until it is answered, so a commander that sees an answered stamp says
the very same again and computes nothing. A stamp further than 1.5 periods from the last answered one means another
episode, a restarted world or lost observations: what was planned before it no longer holds.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

import numpy as np

GAP_PERIODS = 1.5


class Turn(Enum):
    """What to do with an observation. NEW: answer it. JUMP: drop plans, then answer it. AGAIN: repeat the last
    answer. OLD: nothing.
    """

    NEW = "new"
    JUMP = "jump"
    AGAIN = "again"
    OLD = "old"


class Turns:
    """Judges observations by their stamps, in nanoseconds."""

    def __init__(self, period: float) -> None:
        """Args: period: control period, s."""
        self._gap = int(GAP_PERIODS * period * 1e9)
        self._last: int | None = None

    def judge(self, stamp: int) -> Turn:
        """The turn of an observation at `stamp` nanoseconds."""
        if self._last is None or abs(stamp - self._last) > self._gap:
            return Turn.JUMP
        if stamp == self._last:
            return Turn.AGAIN
        return Turn.NEW if stamp > self._last else Turn.OLD

    def answered(self, stamp: int) -> None:
        """Note that the observation at `stamp` nanoseconds has been answered."""
        self._last = stamp

    def forget(self) -> None:
        """Start over: the next observation is a JUMP."""
        self._last = None


class Latencies:
    """Percentiles of the last 200 durations, s."""

    def __init__(self, size: int = 200) -> None:
        self._values: deque[float] = deque(maxlen=size)

    def add(self, seconds: float) -> None:
        """Note one duration, s."""
        self._values.append(seconds)

    def percentile(self, percent: float) -> float:
        """The percentile (0..100), s; 0 without any duration."""
        return float(np.percentile(self._values, percent)) if self._values else 0.0


class Rate:
    """How often something happens: events per second over the last `size` of them, on a steady clock.

    Falls while nothing comes.
    """

    def __init__(self, size: int = 40) -> None:
        self._times: deque[float] = deque(maxlen=size)

    def add(self, now: float) -> None:
        """Note one event at `now` s."""
        self._times.append(now)

    def hertz(self, now: float) -> float:
        """Events per second up to `now` s; 0 before the second one."""
        if len(self._times) < 2:
            return 0.0
        return len(self._times) / max(now - self._times[0], 1e-9)

    @property
    def full(self) -> bool:
        """Whether there were enough events for the rate to mean something."""
        return len(self._times) == self._times.maxlen

    def restart(self) -> None:
        """Forget everything: what was counted has stopped on purpose."""
        self._times.clear()
