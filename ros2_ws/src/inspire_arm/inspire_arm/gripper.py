"""What the gripper is told. Simulated ones follow an opening; real ones get a goal, and only when it changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

CLOSE_BELOW, OPEN_ABOVE = 0.4, 0.6
RULES = ("continuous", "switch")


class GripperRule:
    """`continuous`: the opening as it is. `switch`: fully open or closed with hysteresis, told once."""

    def __init__(self, rule: str = "continuous") -> None:
        if rule not in RULES:
            raise ValueError(f"gripper rule: expected one of {', '.join(RULES)}, found {rule!r}")
        self.switch = rule == "switch"
        self._goal: float | None = None

    def goal(self, opening: float) -> float | None:
        """What to tell the gripper for an opening, 0 closed .. 1 open; None: nothing."""
        if not self.switch:
            return opening
        goal = 1.0 if opening > OPEN_ABOVE else 0.0 if opening < CLOSE_BELOW else self._goal
        if goal == self._goal:
            return None
        self._goal = goal
        return goal

    def forget(self) -> None:
        """The next opening is a change: what the gripper does now is not known."""
        self._goal = None


@dataclass(frozen=True)
class GripperRange:
    """Positions of a gripper's joint, in its own unit (m, rad, counts), that openings from 0 to 1 stand for.

    Attributes:
        closed: position at opening 0. open: position at opening 1; may lie on either side of `closed`.
    """

    closed: float
    open: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.closed) and math.isfinite(self.open) and self.closed != self.open):
            raise ValueError(
                f"gripper range: expected two different positions for closed and open, found {self.closed}, {self.open}"
            )

    def position(self, opening: float) -> float:
        """The position of an opening, which is brought into 0 .. 1."""
        return self.closed + min(max(opening, 0.0), 1.0) * (self.open - self.closed)

    def opening(self, position: float) -> float:
        """The opening, 0 .. 1, of a position; beyond either end it is that end."""
        return min(max((position - self.closed) / (self.open - self.closed), 0.0), 1.0)
