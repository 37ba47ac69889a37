"""Named reasons: every drop, clamp, hold and fault counts under a stable name. Faults latch until an explicit reset."""

from __future__ import annotations

from dataclasses import dataclass, replace

# Refusals of one action.
NON_FINITE_ACTION = "non_finite_action"
STALE_ACTION = "stale_action"
FUTURE_ACTION = "future_action"
REORDERED_ACTION = "reordered_action"
STALE_OBSERVATION = "stale_observation"
WRONG_FRAME = "wrong_frame"
WRONG_TOOL_FRAME = "wrong_tool_frame"
NO_LEASE = "no_lease"
WRONG_COMMANDER = "wrong_commander"
MOTION_DISABLED = "motion_disabled"
NO_POSE = "no_pose"
STALE_POSE = "stale_pose"
FAULTED = "faulted"
# Clamps.
OUTSIDE_WORKSPACE = "outside_workspace"
TOO_FAST = "too_fast"
TOO_SUDDEN = "too_sudden"
GRIPPER_RANGE = "gripper_range"
# Holds.
LEASE_RELEASED = "lease_released"
# A hold at first, a fault when it lasts.
SILENCE = "silence"
# Faults.
NON_FINITE_POSE = "non_finite_pose"
INVALID_ORIENTATION = "invalid_orientation"
WRONG_POSE_FRAME = "wrong_pose_frame"
SECOND_COMMANDER = "second_commander"
OPERATOR_STOP = "operator_stop"


@dataclass(frozen=True)
class Reason:
    """A named reason: expected, found and how to mend it; when first (ns) and how often since the last reset."""

    name: str
    detail: str
    stamp: int
    count: int = 1


class Ledger:
    """Counts of every reason, and the latched faults."""

    def __init__(self) -> None:
        self._counts: dict[str, Reason] = {}
        self._latched: set[str] = set()
        self.clamped_actions = 0

    def count(self, name: str, detail: str, stamp: int) -> Reason:
        """Count a reason once more; the newest detail is kept with the first stamp."""
        known = self._counts.get(name)
        reason = Reason(name, detail, stamp) if known is None else replace(known, detail=detail, count=known.count + 1)
        self._counts[name] = reason
        return reason

    def latch(self, name: str, detail: str, stamp: int) -> bool:
        """Count a fault and latch it; True when it was not latched before."""
        self.count(name, detail, stamp)
        new = name not in self._latched
        self._latched.add(name)
        return new

    @property
    def counts(self) -> tuple[Reason, ...]:
        """Every reason since the last reset, in order of first appearance."""
        return tuple(self._counts.values())

    @property
    def latched(self) -> tuple[Reason, ...]:
        """The latched faults, in order of first appearance."""
        return tuple(reason for reason in self._counts.values() if reason.name in self._latched)

    def reset(self) -> None:
        """Forget counts and faults."""
        self._counts.clear()
        self._latched.clear()
        self.clamped_actions = 0
