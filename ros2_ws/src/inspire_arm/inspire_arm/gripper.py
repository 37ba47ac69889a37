"""What the gripper is told. Simulated ones follow an opening; real ones get a goal, and only when it changes."""

from __future__ import annotations

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
