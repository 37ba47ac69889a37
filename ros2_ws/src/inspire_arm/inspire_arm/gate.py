"""The gate: the only thing that may command an arm. Pure core; whoever feeds it publishes the commands it returns.

States: IDLE (nothing commanded yet), MOVING, HOLDING (leaves by itself on the next accepted action), FAULT (latched;
ends the lease, so that nothing moves by itself after a reset).

Lockstep pairs action and measured pose of equal stamp, in either order of arrival, and answers what it has answered
before with the very same command. In realtime an action meets the newest pose, ages are checked on ROS time (`now`) and
silence on the steady clock (`steady`), both int nanoseconds. A hold is a pose captured once and said again and again.

With motion disabled everything is computed and counted in the same way, but no method returns a command: what would
have been said waits in `take_withheld`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from inspire_arm import checks, holds, reasons
from inspire_arm.adapters import Adapter, ImpedancePose
from inspire_arm.clock import ClockWatch
from inspire_arm.envelope import Envelope, limit
from inspire_arm.gripper import GripperRule
from inspire_arm.leases import Lease
from inspire_arm.motion import NANOSECONDS, Action, Command, Pose, Twist
from inspire_arm.poses import MeasuredPose
from inspire_arm.reasons import Ledger
from inspire_arm.states import Snapshot, State
from inspire_arm.watchdog import Deadman, Silence, SilenceWatchdog
from inspire_policy.action import ActionContract

MEMORY_PERIODS = 1.5  # a larger gap between poses ends what was remembered of the motion
RESET_GAP = 0.5  # s; after a gap this large a hold that is far from where the arm is now belongs to another episode


class Gate:
    """See the module. Methods that may have something to say return the command to publish, else None.

    Args:
        contract, envelope: what actions mean, and the limits. lockstep: see the module.
        motion_enabled: whether commands are returned at all. watchdog: of the commander's silence.
        adapter: for the kind of arm controller. deadman: the switch that must be held, None where none is required.
        gripper: what the gripper is told. stop_on_violation: what would be clamped is a fault instead.
        lease_timeout: s after which a lease ends that was granted and never used.
    """

    def __init__(
        self,
        *,
        contract: ActionContract,
        envelope: Envelope,
        lockstep: bool,
        motion_enabled: bool,
        watchdog: SilenceWatchdog | None = None,
        adapter: Adapter | None = None,
        deadman: Deadman | None = None,
        gripper: GripperRule | None = None,
        stop_on_violation: bool = False,
        lease_timeout: float = 10.0,
    ) -> None:
        if lockstep and deadman is not None:
            raise ValueError("expected no deadman in lockstep, where no clock runs; found one required")
        self._contract = contract
        self._envelope = envelope
        self._lockstep = lockstep
        self._motion_enabled = motion_enabled
        self._watchdog = watchdog or SilenceWatchdog()
        self._adapter = adapter or ImpedancePose(envelope, contract)
        self._deadman = deadman
        self._gripper = gripper or GripperRule()
        self._stop_on_violation = stop_on_violation
        self._clock = ClockWatch(envelope.max_clock_jump)
        self._lease = Lease(lease_timeout)
        self._ledger = Ledger()
        self._state = State.IDLE
        self._measured = MeasuredPose(envelope)
        self._opening: float | None = None  # measured
        self._pending: Action | None = None  # lockstep: waits for the pose of its stamp
        self._last: Command | None = None  # within the memory of the motion
        self._last_key: tuple[int, int, str, int, int] | None = None
        self._last_steady: int | None = None
        # Of the last command ever; in lockstep holds carry it, so that time stands still.
        self._last_stamp: int | None = None
        self._twist = Twist.zero()
        self._hold: Command | None = None
        self._hold_said = 0
        self._withheld: Command | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The state now."""
        ledger = self._ledger
        return Snapshot(
            self._state,
            ledger.latched,
            ledger.counts,
            ledger.clamped_actions,
            self._lease.holder,
            self._motion_enabled,
        )

    def take_withheld(self) -> Command | None:
        """The newest command that was computed and not returned because motion is disabled, once."""
        command, self._withheld = self._withheld, None
        return command

    def acquire(self, commander_id: str, *, steady: int = 0) -> tuple[bool, str]:
        """Ask for the lease: (granted, why not). Not granted in FAULT. Lockstep needs no `steady`."""
        if self._state is State.FAULT:
            faults = ", ".join(f"{reason.name} ({reason.detail})" for reason in self._ledger.latched)
            return False, f"expected no fault, found {faults}: mend it, then call arm/reset"
        granted, message = self._lease.acquire(commander_id, steady)
        if granted:
            self._gripper.forget()
        return granted, message

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

    def on_deadman(self, held: bool, *, now: int, steady: int) -> Command | None:
        """The deadman switch says whether it is held; without one required nobody listens."""
        if self._deadman is None:
            return None
        self._deadman.feed(held, steady)
        if held or self._state is not State.MOVING:
            return None
        return self._start_hold(reasons.DEADMAN_RELEASED, "expected the deadman held, found it let go", now)

    def on_pose(self, pose: Pose, *, now: int, steady: int) -> Command | None:
        """A measured pose. A bad one is a fault, a late one is dropped; the last good one stays."""
        hold = self._heed_clock(now, steady)
        bad = checks.pose_fault(pose, self._contract)
        if bad is not None:
            return self.fault(*bad, now=now)
        if self._lockstep:
            return self._on_lockstep_pose(pose, now, steady)
        refusal = self._measured.refusal(pose, now=now)
        if refusal is not None:
            self._ledger.count(*refusal, now)
            return hold
        bad = self._measured.fault(pose)
        if bad is not None:
            return self.fault(*bad, now=now)
        self._forget_over(self._measured.gap(pose), pose)
        self._measured.take(pose, steady=steady)
        return hold

    def _on_lockstep_pose(self, pose: Pose, now: int, steady: int) -> Command | None:
        self._forget_over(self._measured.gap(pose), pose)
        self._measured.take(pose, steady=steady)
        if self._pending is not None and self._pending.stamp <= pose.stamp:
            action, self._pending = self._pending, None
            return self.on_action(action, now=now, steady=steady)
        # The body asks again: the answer was lost on the way.
        if self._state is State.MOVING and self._answered(pose.stamp):
            return self._send(self._last)
        return None

    def on_action(self, action: Action, *, now: int, steady: int) -> Command | None:
        """An action; refused ones are counted by name."""
        state = self._state
        hold = self._heed_clock(now, steady)
        if self._state is not state:
            return hold
        refusal = self._refusal(action)
        if refusal is None:
            if self._lockstep:
                return self._on_lockstep(action)
            refusal = self._realtime_refusal(action, now, steady)
            if refusal is None:
                return self._send(self._last) if action.key == self._last_key else self._apply(action, steady)
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
        if self._lockstep:
            return None
        state = self._state
        hold = self._heed_clock(now, steady)
        if self._state is not state:
            self._hold_said = steady
            return hold
        silence = self._watchdog.check(steady)
        if silence is Silence.LONG:
            self._hold_said = steady
            return self.fault(reasons.SILENCE, self._watchdog.expected, now=now)
        if self._state is State.MOVING:
            reason = self._lost(silence, steady)
            if reason is not None:
                self._hold_said = steady
                return self._start_hold(*reason, now)
        if not self._watchdog.armed and self._lease.idle(steady):
            self._ledger.count(reasons.LEASE_EXPIRED, f"expected actions of {self._lease.holder}, found none", now)
            self._end_lease()
        if self._state in (State.HOLDING, State.FAULT) and (steady - self._hold_said) * 1e-9 >= self._contract.period:
            self._hold_said = steady
            return self._say_hold(now)
        return None

    def enable_motion(self, enabled: bool, *, now: int) -> Command | None:
        """Begin or end to return commands; ends the lease, so that nothing moves by it. Disabling holds first."""
        if enabled == self._motion_enabled:
            return None
        hold = None
        if not enabled:
            self._ledger.count(reasons.MOTION_DISABLED, "expected enable_motion, found it set to false", now)
            hold = self._say_hold(now)
        self._motion_enabled, self._withheld = enabled, None
        self._end_lease()
        # What was computed in the dry run was never commanded, and what was commanded before is long ago.
        self._last = self._last_key = self._last_steady = self._last_stamp = self._hold = None
        self._twist = Twist.zero()
        self._adapter.forget()
        self._gripper.forget()
        if self._state is not State.FAULT:
            self._state = State.IDLE
        return hold

    def fault(self, name: str, detail: str, *, now: int) -> Command | None:
        """Latch a fault, end the lease, hold. Returns the hold when the fault is new."""
        new = self._ledger.latch(name, detail, now)
        self._end_lease()
        self._state = State.FAULT
        return self._say_hold(now) if new else None

    def reset(self) -> None:
        """Clear faults and counts. Nothing moves by itself afterwards: a fault has ended the lease."""
        self._ledger.reset()
        self._gripper.forget()
        if self._state is State.FAULT:
            self._state = State.IDLE if self._hold is None else State.HOLDING

    def last_word(self, *, now: int) -> Command | None:
        """The hold with which the process ends; None when nothing was ever commanded."""
        return self._say_hold(now)

    def _refusal(self, action: Action) -> checks.Refusal | None:
        if self._state is State.FAULT:
            return reasons.FAULTED, "expected no latched fault: call arm/reset once it is mended"
        return checks.sender(action, self._lease.holder) or checks.content(action, self._contract)

    def _realtime_refusal(self, action: Action, now: int, steady: int) -> checks.Refusal | None:
        envelope = self._envelope
        refusal = (
            checks.pose_age(self._measured.newest, envelope, now=now)
            or self._measured.silence(steady)
            or checks.action_age(action, envelope, now=now)
            or checks.observation_age(action, envelope, now=now)
        )
        duplicate = action.key == self._last_key and self._state is State.MOVING
        if refusal is None and self._last is not None and action.stamp <= self._last.stamp and not duplicate:
            refusal = reasons.REORDERED_ACTION, "expected stamps to increase, found one that does not"
        if refusal is None and self._deadman is not None and not self._deadman.held(steady):
            # The commander is there all the same: its silence is not what stops the arm.
            self._watchdog.feed(steady)
            refusal = reasons.NO_DEADMAN, "expected the deadman held, found it not: hold it (arm/deadman)"
        return refusal

    def _lost(self, silence: Silence, steady: int) -> checks.Refusal | None:
        """What motion needs and is no longer there."""
        if silence is Silence.SHORT:
            return reasons.SILENCE, self._watchdog.expected
        if self._deadman is not None and not self._deadman.held(steady):
            return reasons.DEADMAN_LOST, f"expected true every {self._deadman.timeout:g} s, found none"
        return self._measured.silence(steady)

    def _on_lockstep(self, action: Action) -> Command | None:
        pose = self._measured.newest
        if pose is None or action.stamp > pose.stamp:
            self._pending = action
            return None
        if self._answered(action.stamp):
            return self._send(self._last)
        refusal = checks.observation_age(action, self._envelope, now=pose.stamp)
        if action.stamp < pose.stamp:
            age = (pose.stamp - action.stamp) * 1e-9
            refusal = reasons.STALE_ACTION, f"expected the stamp of the measured pose, found one {age:.3f} s older"
        if refusal is not None:
            self._ledger.count(*refusal, pose.stamp)
            return None
        # In lockstep the only time is that of the stamps.
        return self._apply(action, action.stamp)

    def _answered(self, stamp: int) -> bool:
        """Whether the last command was for this stamp."""
        return self._last is not None and self._last.stamp == stamp

    def _apply(self, action: Action, steady: int) -> Command | None:
        pose = self._measured.newest
        assert pose is not None
        period = self._contract.period
        elapsed = period if self._last_steady is None else (steady - self._last_steady) / NANOSECONDS
        limited = limit(
            action.lead,
            position=pose.position,
            previous=self._twist,
            elapsed=elapsed,
            envelope=self._envelope,
            contract=self._contract,
        )
        target = self._adapter.target(limited, pose, elapsed)
        clamps = limited.clamps + target.clamps
        for name, detail in clamps:
            self._ledger.count(name, detail, action.stamp)
        if clamps and self._stop_on_violation:
            name, detail = clamps[0]
            return self.fault(name, f"{detail}; on_violation is stop", now=action.stamp)
        self._ledger.clamped_actions += bool(clamps)
        opening = self._gripper.goal(limited.lead.opening)
        command = Command(action.stamp, target.position, target.quaternion, opening, limited.twist)
        self._last, self._last_key, self._last_steady, self._last_stamp = command, action.key, steady, command.stamp
        self._twist = limited.twist
        self._hold = None
        self._state = State.MOVING
        self._watchdog.feed(steady)
        return self._send(command)

    def _send(self, command: Command | None) -> Command | None:
        """The command where motion is enabled; else it is counted and withheld."""
        if command is None or self._motion_enabled:
            return command
        self._ledger.count(reasons.MOTION_DISABLED, "expected motion to be enabled, found it disabled", command.stamp)
        self._withheld = command
        return None

    def _heed_clock(self, now: int, steady: int) -> Command | None:
        """Where ROS time has jumped, stamps from before mean nothing any more, and what moves holds."""
        jump = 0.0 if self._lockstep else self._clock.jump(now, steady)
        if jump == 0.0:
            return None
        hold = None
        if self._state is State.MOVING:
            hold = self._start_hold(reasons.CLOCK_JUMP, f"expected ROS time to run evenly, found {jump:+.3f} s", now)
        self._last = self._last_key = None
        self._measured.clock_jumped()
        return hold

    def _end_lease(self) -> None:
        self._lease.end()
        self._watchdog.disarm()
        self._pending = None

    def _start_hold(self, name: str, detail: str, now: int) -> Command | None:
        self._ledger.count(name, detail, now)
        self._state = State.HOLDING
        return self._say_hold(now)

    def _say_hold(self, now: int) -> Command | None:
        """The hold, captured when there is none yet; None when nothing was ever commanded."""
        pose = self._measured.newest
        if self._last_stamp is None or pose is None:
            return None
        if self._hold is None:
            last = self._last
            opening = None if self._gripper.switch else self._opening if last is None else last.opening
            near = last if last is not None and self._near(last, pose) else None
            self._hold = holds.capture(near, pose, opening)
            self._twist = Twist.zero()
            self._adapter.remember(self._hold)
        return self._send(replace(self._hold, stamp=self._last_stamp if self._lockstep else now))

    def _forget_over(self, gap: float, measured: Pose) -> None:
        """Drop what was remembered of the motion before a gap of `gap` seconds (negative: time ran back)."""
        if 0 <= gap <= MEMORY_PERIODS * self._contract.period:
            return
        if self._lockstep or not 0 <= gap <= RESET_GAP:
            self._adapter.forget()
        if self._lockstep:
            self._last = self._last_key = self._last_steady = self._hold = None
            self._twist = Twist.zero()
        elif self._hold is not None and gap > RESET_GAP and not self._near(self._hold, measured):
            # Poses may also have been missed on a busy machine: a hold near the arm stays as it was captured.
            self._hold = None

    def _near(self, command: Command, measured: Pose) -> bool:
        return holds.is_near(command, measured, self._envelope, self._contract)
