"""How an instruction ends. The policy has no signal of its own that a task is done: somebody who sees it judges.

What is left are the outcomes that need no judgement: it was withdrawn or replaced, its time was up, or something broke.
Numbers are those of the action ExecuteInstruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Outcome(IntEnum):
    """See the module."""

    CANCELED = 0
    TIMED_OUT = 1
    FAULT = 2
    JUDGED_SUCCESS = 3
    JUDGED_FAILURE = 4


@dataclass(frozen=True)
class Ending:
    """The end of one instruction: what became of it, and why."""

    outcome: Outcome
    reason: str

    def __str__(self) -> str:
        """The outcome's name in lower case, and the reason: "judged_success: the milk is in the bin"."""
        name = self.outcome.name.lower()
        return f"{name}: {self.reason}" if self.reason else name


def judged(success: bool, reason: str) -> Ending:
    """The ending that a judgement comes to."""
    return Ending(Outcome.JUDGED_SUCCESS if success else Outcome.JUDGED_FAILURE, reason)


class TimeLimit:
    """How long an instruction may still take, on a clock that may be simulated, stand still or be set.

    Only what the clock runs forward counts, from the first look at it: a clock that is set back neither ends an
    instruction nor gives it new time.

    Args:
        limit: ns, more than 0. Raises ValueError.
    """

    def __init__(self, limit: int) -> None:
        if limit <= 0:
            raise ValueError(
                f"max_duration: expected more than 0 s, found {limit / 1e9:g} s; the policy cannot tell when it is "
                "done, so say how long it may take"
            )
        self._limit = limit
        self._spent = 0
        self._last: int | None = None

    def look(self, now: int) -> Ending | None:
        """The ending at time `now` (ns) when the time is up, else None."""
        if self._last is not None:
            self._spent += max(0, now - self._last)
        self._last = now
        if self._spent < self._limit:
            return None
        return Ending(Outcome.TIMED_OUT, f"expected a judgement within {self._limit / 1e9:g} s, found none")
