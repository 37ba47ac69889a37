"""Named reasons: every drop, clamp, hold and fault counts under a stable name. Faults latch until an explicit reset.

The registry below is the only list of them: `docs/gate.md` shows its table, and a ledger takes no other name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType


class Effect(Enum):
    """What a reason does. One reason may do more than one of these, in different situations."""

    REFUSAL = "refusal"  # the message is dropped
    CLAMP = "clamp"  # the command is changed; with on_violation: stop it is a fault
    HOLD = "hold"  # left by the next accepted action
    FAULT = "fault"  # latched, ends the lease


@dataclass(frozen=True)
class Entry:
    """One reason of the registry: its name, what it does, what has happened, how to mend it."""

    name: str
    effects: tuple[Effect, ...]
    meaning: str
    mend: str


_REGISTRY: dict[str, Entry] = {}
REGISTRY: Mapping[str, Entry] = MappingProxyType(_REGISTRY)


def _reason(name: str, *effects: Effect, meaning: str, mend: str) -> str:
    _REGISTRY[name] = Entry(name, effects, meaning, mend)
    return name


_R, _C, _H, _F = Effect.REFUSAL, Effect.CLAMP, Effect.HOLD, Effect.FAULT

NON_FINITE_ACTION = _reason(
    "non_finite_action", _R, meaning="an action holds NaN or infinity", mend="mend the commander"
)
STALE_ACTION = _reason(
    "stale_action",
    _R,
    meaning="an action's stamp is older than `max_action_age` (in lockstep: than the pose)",
    mend="a faster commander, synchronised clocks",
)
FUTURE_ACTION = _reason(
    "future_action", _R, meaning="an action's stamp lies more than `max_action_age` ahead", mend="synchronise clocks"
)
REORDERED_ACTION = _reason(
    "reordered_action", _R, meaning="an action is not newer than the last one", mend="one publisher, stamps that grow"
)
STALE_OBSERVATION = _reason(
    "stale_observation",
    _R,
    meaning="the observation behind an action is older than `max_observation_age`",
    mend="look at the camera and the commander's latency",
)
FUTURE_OBSERVATION = _reason(
    "future_observation",
    _R,
    meaning="the observation behind an action lies more than `max_action_age` ahead",
    mend="synchronise clocks",
)
WRONG_FRAME = _reason("wrong_frame", _R, meaning="an action is not in `base_frame`", mend="transform it before")
WRONG_TOOL_FRAME = _reason(
    "wrong_tool_frame", _R, meaning="an action moves another frame than `tool_frame`", mend="match bundle and gate"
)
NO_LEASE = _reason("no_lease", _R, meaning="an action came while nobody held the lease", mend="call `arm/acquire`")
WRONG_COMMANDER = _reason(
    "wrong_commander", _R, meaning="an action of somebody who does not hold the lease", mend="stop one of the two"
)
NO_DEADMAN = _reason(
    "no_deadman", _R, meaning="an action came while the deadman was not held", mend="hold the switch: `arm/deadman`"
)
MOTION_DISABLED = _reason(
    "motion_disabled",
    _R,
    meaning="a command was computed, shown under `arm/dry_run` and not sent",
    mend="set `enable_motion` once the commands look right",
)
FAULTED = _reason("faulted", _R, meaning="an action came while a fault was latched", mend="mend it, call `arm/reset`")
NO_POSE = _reason("no_pose", _R, meaning="an action came before any measured pose", mend="start the arm's driver")
STALE_POSE = _reason(
    "stale_pose",
    _R,
    meaning="the measured pose is older than `max_pose_age`, or as far ahead",
    mend="look at the arm's driver and the clocks",
)
REORDERED_POSE = _reason(
    "reordered_pose", _R, meaning="a measured pose is older than the one before", mend="one publisher of arm/state_pose"
)

OUTSIDE_WORKSPACE = _reason(
    "outside_workspace", _C, _F, meaning="a target outside the workspace box", mend="check the box and the policy"
)
KEEP_OUT = _reason("keep_out", _C, _F, meaning="a way into a keep-out box", mend="check the boxes and the policy")
TOO_FAST = _reason("too_fast", _C, _F, meaning="more than the limit on speed", mend="check scale and limits")
TOO_SUDDEN = _reason(
    "too_sudden", _C, _F, meaning="more than the limit on the change of speed", mend="smoother chunks, or the limits"
)
ARM_LAGS = _reason(
    "arm_lags",
    _C,
    _F,
    meaning="a stiff target more than `max_lead` from the arm: taken back to it",
    mend="see what the arm touches; a faster controller, a slower policy",
)
GRIPPER_RANGE = _reason(
    "gripper_range", _C, _F, meaning="a gripper opening outside 0 .. 1", mend="check the gripper's scale"
)

LEASE_RELEASED = _reason("lease_released", _H, meaning="the commander gave the lease back", mend="nothing to mend")
LEASE_EXPIRED = _reason(
    "lease_expired",
    _H,
    meaning="the lease was held for `lease_timeout` without an acceptable action",
    mend="acquire it when there is something to do",
)
CLOCK_JUMP = _reason(
    "clock_jump",
    _H,
    _R,
    meaning="ROS time ran back, or ahead of the steady clock by more than `max_clock_jump`",
    mend="look at the time source; the action at hand is dropped",
)
POSE_SILENCE = _reason(
    "pose_silence",
    _H,
    _R,
    meaning="no newer measured pose for `max_pose_silence`",
    mend="look at the arm's driver",
)
DEADMAN_RELEASED = _reason("deadman_released", _H, meaning="the deadman switch was let go", mend="hold it again")
DEADMAN_LOST = _reason(
    "deadman_lost",
    _H,
    meaning="no `true` on `arm/deadman` for `deadman_timeout`",
    mend="look at the switch and its connection",
)
SILENCE = _reason(
    "silence",
    _H,
    _F,
    meaning="no acceptable action for `silence_hold`; a fault after `silence_fault`",
    mend="look at the commander; the refusals counted beside it say why",
)

NON_FINITE_POSE = _reason(
    "non_finite_pose", _F, meaning="a measured pose holds NaN or infinity", mend="mend the arm's driver"
)
INVALID_ORIENTATION = _reason(
    "invalid_orientation", _F, meaning="a measured orientation is no unit quaternion", mend="mend the arm's driver"
)
WRONG_POSE_FRAME = _reason(
    "wrong_pose_frame", _F, meaning="a measured pose is not in `base_frame`", mend="match driver and `base_frame`"
)
IMPLAUSIBLE_POSE = _reason(
    "implausible_pose",
    _F,
    meaning="a measured pose out of any reach, or one that jumped faster than the arm can move",
    mend="look at the arm's driver; one that was moved by hand: reset",
)
SECOND_COMMANDER = _reason(
    "second_commander", _F, meaning="more than one publisher on `inspire/action`", mend="stop the others"
)
OPERATOR_STOP = _reason("operator_stop", _F, meaning="`arm/stop` was called", mend="call `arm/reset`")


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
        self._told: tuple[tuple[Reason, ...], tuple[Reason, ...]] | None = ((), ())  # asked for far more than changed
        self.clamped_actions = 0

    def count(self, name: str, detail: str, stamp: int) -> Reason:
        """Count a registered reason once more; the newest detail is kept with the first stamp."""
        known = self._counts.get(name)
        if known is None:
            reason = Reason(REGISTRY[name].name, detail, stamp)
        else:
            reason = replace(known, detail=detail, count=known.count + 1)
        self._counts[name] = reason
        self._told = None
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
        return self._tell()[0]

    @property
    def latched(self) -> tuple[Reason, ...]:
        """The latched faults, in order of first appearance."""
        return self._tell()[1]

    def _tell(self) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
        if self._told is None:
            counts = tuple(self._counts.values())
            self._told = counts, tuple(reason for reason in counts if reason.name in self._latched)
        return self._told

    def reset(self) -> None:
        """Forget counts and faults."""
        self._counts.clear()
        self._latched.clear()
        self._told = None
        self.clamped_actions = 0
