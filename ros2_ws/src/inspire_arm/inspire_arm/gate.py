"""The gate: the only thing that may command an arm. Pure core; whoever feeds it publishes the commands it returns.

States: IDLE (nothing commanded yet), MOVING, HOLDING (leaves by itself on the next accepted action), FAULT (latched;
ends the lease, so that nothing moves by itself after a reset).

Lockstep pairs action and measured pose of equal stamp, in either order of arrival, and answers what it has answered
before with the very same command. In realtime an action meets the newest pose, ages are checked on ROS time (`now`) and
silence on the steady clock (`steady`), both int nanoseconds. A hold is a pose captured once and said again and again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from inspire_arm import checks, reasons
from inspire_arm.adapters import Adapter, ImpedancePose
from inspire_arm.envelope import Envelope, Twist, limit
from inspire_arm.leases import Lease
from inspire_arm.motion import NANOSECONDS, Action, Command, Pose
from inspire_arm.reasons import Ledger, Reason
from inspire_arm.watchdog import Silence, SilenceWatchdog
from inspire_policy.action import ActionContract
from inspire_policy.rotations import quaternion_conjugate, quaternion_multiply, rotvec_from_quaternion

MEMORY_PERIODS = 1.5  # a larger gap between poses ends what was remembered of the motion
RESET_GAP = 0.5  # s; after a gap this large a hold that is far from where the arm is now belongs to another episode


class State(Enum):
    """States of the gate, numbered as in GateStatus."""

    IDLE = 0
    MOVING = 1
    HOLDING = 2
    FAULT = 3


@dataclass(frozen=True)
class Snapshot:
    """What the gate tells about itself: state, latched faults, all counts, clamped actions, holder of the lease."""

    state: State
    latched: tuple[Reason, ...]
    counts: tuple[Reason, ...]
    clamps: int
    holder: str


class Gate:
    """See the module. Methods that may have something to say return the command to publish, else None."""

    def __init__(
        self,
        *,
        contract: ActionContract,
        envelope: Envelope,
        lockstep: bool,
        motion_enabled: bool,
        watchdog: SilenceWatchdog | None = None,
        adapter: Adapter | None = None,
    ) -> None:
        self._contract = contract
        self._envelope = envelope
        self._lockstep = lockstep
        self._motion_enabled = motion_enabled
        self._watchdog = watchdog or SilenceWatchdog()
        self._adapter = adapter or ImpedancePose(envelope, contract)
        self._lease = Lease()
        self._ledger = Ledger()
        self._state = State.IDLE
        self._pose: Pose | None = None
        self._opening: float | None = None  # measured
        self._pending: Action | None = None  # lockstep: waits for the pose of its stamp
        self._last: Command | None = None  # within the memory of the motion
        self._last_key: tuple[int, int, str, int, int] | None = None
        self._last_steady: int | None = None
        self._last_stamp: int | None = (
            None  # of the last command ever; in lockstep holds carry it, so that time stands still
        )
        self._twist = Twist.zero()
        self._hold: Command | None = None
        self._hold_said = 0

    @property
    def snapshot(self) -> Snapshot:
        """The state now."""
        ledger = self._ledger
        return Snapshot(self._state, ledger.latched, ledger.counts, ledger.clamped_actions, self._lease.holder)

    def acquire(self, commander_id: str) -> tuple[bool, str]:
        """Ask for the lease: (granted, why not). Not granted in FAULT or with motion disabled."""
        if not self._motion_enabled:
            return False, "expected motion to be enabled, found it disabled: start the gate with enable_motion:=true"
        if self._state is State.FAULT:
            faults = ", ".join(f"{reason.name} ({reason.detail})" for reason in self._ledger.latched)
            return False, f"expected no fault, found {faults}: mend it, then call arm/reset"
        return self._lease.acquire(commander_id)

    def release(self, commander_id: str, *, now: int) -> tuple[bool, str, Command | None]:
        """Give the lease back: (whether it was held, why not, hold to publish)."""
        released, message = self._lease.release(commander_id)
        if not released:
            return False, message, None
        self._watchdog.disarm()
        self._pending = None
        if self._state is not State.MOVING:
            return True, message, None
        return True, message, self._start_hold(reasons.LEASE_RELEASED, f"{commander_id} gave the lease back", now)

    def on_gripper(self, opening: float) -> None:
        """The measured gripper opening, 0 closed .. 1 open; what is not finite is ignored."""
        if math.isfinite(opening):
            self._opening = min(max(opening, 0.0), 1.0)

    def on_pose(self, pose: Pose, *, now: int, steady: int) -> Command | None:
        """A measured pose. A bad one is a fault; the last good one stays."""
        bad = checks.pose_fault(pose, self._contract)
        if bad is not None:
            return self.fault(*bad, now=now)
        if self._pose is not None:
            gap = (pose.stamp - self._pose.stamp) * 1e-9
            if gap < 0 or gap > MEMORY_PERIODS * self._contract.period:
                self._forget(pose, gap)
        self._pose = pose
        if not self._lockstep:
            return None
        if self._pending is not None and self._pending.stamp <= pose.stamp:
            action, self._pending = self._pending, None
            return self.on_action(action, now=now, steady=steady)
        # The body asks again: the answer was lost on the way.
        return self._answer(pose.stamp) if self._state is State.MOVING else None

    def on_action(self, action: Action, *, now: int, steady: int) -> Command | None:
        """An action; refused ones are counted by name."""
        refusal = self._refusal(action)
        if refusal is None:
            if self._lockstep:
                return self._on_lockstep(action)
            refusal = self._realtime_refusal(action, now)
            if refusal is None:
                return self._last if action.key == self._last_key else self._apply(action, steady)
        self._ledger.count(*refusal, now)
        return None

    def on_publishers(self, count: int, *, now: int) -> Command | None:
        """How many publishers there are on inspire/action; more than one is a fault."""
        if count < 2:
            return None
        detail = f"expected one publisher on inspire/action, found {count}: stop the others, then call arm/reset"
        return self.fault(reasons.SECOND_COMMANDER, detail, now=now)

    def tick(self, *, now: int, steady: int) -> Command | None:
        """One turn of the steady loop, realtime only: watches for silence, says the hold again each control period."""
        silence = self._watchdog.check(steady)
        limits = f"expected an action every {self._watchdog.hold_after:g} s"
        if silence is Silence.LONG:
            self._hold_said = steady
            return self.fault(reasons.SILENCE, f"{limits}, found none for {self._watchdog.fault_after:g} s", now=now)
        if silence is Silence.SHORT and self._state is State.MOVING:
            self._hold_said = steady
            return self._start_hold(reasons.SILENCE, f"{limits}, found none", now)
        if self._state in (State.HOLDING, State.FAULT) and (steady - self._hold_said) * 1e-9 >= self._contract.period:
            self._hold_said = steady
            return self._say_hold(now)
        return None

    def fault(self, name: str, detail: str, *, now: int) -> Command | None:
        """Latch a fault, end the lease, hold. Returns the hold when the fault is new."""
        new = self._ledger.latch(name, detail, now)
        self._lease = Lease()
        self._watchdog.disarm()
        self._pending = None
        self._state = State.FAULT
        return self._say_hold(now) if new else None

    def reset(self) -> None:
        """Clear faults and counts. Nothing moves by itself afterwards: a fault has ended the lease."""
        self._ledger.reset()
        if self._state is State.FAULT:
            self._state = State.IDLE if self._hold is None else State.HOLDING

    def last_word(self, *, now: int) -> Command | None:
        """The hold with which the process ends; None when nothing was ever commanded."""
        return self._say_hold(now)

    def _refusal(self, action: Action) -> checks.Refusal | None:
        if not self._motion_enabled:
            return reasons.MOTION_DISABLED, "expected motion to be enabled, found it disabled"
        if self._state is State.FAULT:
            return reasons.FAULTED, "expected no latched fault: call arm/reset once it is mended"
        return checks.sender(action, self._lease.holder) or checks.content(action, self._contract)

    def _realtime_refusal(self, action: Action, now: int) -> checks.Refusal | None:
        envelope = self._envelope
        refusal = (
            checks.pose_age(self._pose, envelope, now=now)
            or checks.action_age(action, envelope, now=now)
            or checks.observation_age(action, envelope, now=now)
        )
        duplicate = action.key == self._last_key and self._state is State.MOVING
        if refusal is None and self._last is not None and action.stamp <= self._last.stamp and not duplicate:
            return reasons.REORDERED_ACTION, "expected stamps to increase, found one that does not"
        return refusal

    def _on_lockstep(self, action: Action) -> Command | None:
        pose = self._pose
        if pose is None or action.stamp > pose.stamp:
            self._pending = action
            return None
        answer = self._answer(action.stamp)
        if answer is not None:
            return answer
        refusal = checks.observation_age(action, self._envelope, now=pose.stamp)
        if action.stamp < pose.stamp:
            age = (pose.stamp - action.stamp) * 1e-9
            refusal = reasons.STALE_ACTION, f"expected the stamp of the measured pose, found one {age:.3f} s older"
        if refusal is not None:
            self._ledger.count(*refusal, pose.stamp)
            return None
        # In lockstep the only time is that of the stamps.
        return self._apply(action, action.stamp)

    def _answer(self, stamp: int) -> Command | None:
        """What was commanded for this stamp before, if anything."""
        return self._last if self._last is not None and self._last.stamp == stamp else None

    def _apply(self, action: Action, steady: int) -> Command:
        assert self._pose is not None
        period = self._contract.period
        elapsed = period if self._last_steady is None else (steady - self._last_steady) / NANOSECONDS
        limited = limit(
            action.lead,
            position=self._pose.position,
            previous=self._twist,
            elapsed=elapsed,
            envelope=self._envelope,
            contract=self._contract,
        )
        position, quaternion, kept = self._adapter.target(limited, self._pose)
        clamps = limited.clamps + kept
        for name, detail in clamps:
            self._ledger.count(name, detail, action.stamp)
        self._ledger.clamped_actions += bool(clamps)
        command = Command(action.stamp, position, quaternion, limited.lead.opening)
        self._last, self._last_key, self._last_steady, self._last_stamp = command, action.key, steady, command.stamp
        self._twist = limited.twist
        self._hold = None
        self._state = State.MOVING
        self._watchdog.feed(steady)
        return command

    def _start_hold(self, name: str, detail: str, now: int) -> Command | None:
        self._ledger.count(name, detail, now)
        self._state = State.HOLDING
        return self._say_hold(now)

    def _say_hold(self, now: int) -> Command | None:
        """The hold, captured when there is none yet; None when nothing was ever commanded."""
        if self._last_stamp is None or self._pose is None:
            return None
        if self._hold is None:
            self._hold = self._capture(self._pose)
            self._twist = Twist.zero()
            self._adapter.remember(self._hold.quaternion)
        return replace(self._hold, stamp=self._last_stamp if self._lockstep else now)

    def _capture(self, measured: Pose) -> Command:
        last = self._last
        opening = self._opening if last is None else last.opening
        if last is not None and self._near(last, measured):
            return Command(last.stamp, last.position, last.quaternion, opening)
        return Command(measured.stamp, measured.position, measured.quaternion, opening)

    def _near(self, command: Command, measured: Pose) -> bool:
        distance = float(np.linalg.norm(command.position - measured.position))
        turn = rotvec_from_quaternion(
            quaternion_multiply(command.quaternion, quaternion_conjugate(measured.quaternion))
        )
        max_turn = self._envelope.max_angular_speed / self._contract.lead_gain
        return distance <= self._envelope.max_hold_distance and float(np.linalg.norm(turn)) <= max_turn

    def _forget(self, measured: Pose, gap: float) -> None:
        """Drop what was remembered of the motion before a gap of `gap` seconds (negative: time ran back)."""
        self._adapter.forget()
        self._twist = Twist.zero()
        self._last_steady = None
        if self._lockstep or gap < 0:
            self._last = self._last_key = self._hold = None
        elif self._hold is not None and gap > RESET_GAP and not self._near(self._hold, measured):
            # Poses may also have been missed on a busy machine: a hold near the arm stays as it was captured.
            self._hold = None
