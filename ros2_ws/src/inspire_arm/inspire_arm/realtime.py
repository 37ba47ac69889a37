"""The gate in realtime: an action meets the newest measured pose, as long as all that motion needs is there.

It needs a commander that is heard, a young pose that the arm can have come to, a deadman switch held (where one is
required), and a ROS time that runs as time does. Ages are checked on ROS time, silence on the steady clock.
"""

from __future__ import annotations

from inspire_arm import checks, reasons
from inspire_arm.adapters import Adapter
from inspire_arm.clock import ClockWatch
from inspire_arm.envelope import Envelope
from inspire_arm.gate import Gate
from inspire_arm.gripper import GripperRule
from inspire_arm.motion import Action, Command, Pose
from inspire_arm.states import State
from inspire_arm.watchdog import Deadman, Silence, SilenceWatchdog
from inspire_policy.action import ActionContract


class RealtimeGate(Gate):
    """See the module and `Gate`.

    Args:
        watchdog: of the commander's silence. deadman: the switch that must be held, None where none is required.
    """

    in_lockstep = False

    def __init__(
        self,
        *,
        contract: ActionContract,
        envelope: Envelope,
        motion_enabled: bool,
        adapter: Adapter | None = None,
        gripper: GripperRule | None = None,
        stop_on_violation: bool = False,
        lease_timeout: float = 10.0,
        watchdog: SilenceWatchdog | None = None,
        deadman: Deadman | None = None,
    ) -> None:
        super().__init__(
            contract=contract,
            envelope=envelope,
            motion_enabled=motion_enabled,
            adapter=adapter,
            gripper=gripper,
            stop_on_violation=stop_on_violation,
            lease_timeout=lease_timeout,
        )
        self._watchdog = watchdog or SilenceWatchdog()
        self._deadman = deadman
        self._clock = ClockWatch(envelope.max_clock_jump)
        self._hold_said = 0

    def on_pose(self, pose: Pose, *, now: int, steady: int) -> Command | None:
        """See `Gate.on_pose`."""
        hold = self._heed_clock(now, steady)
        bad = checks.pose_fault(pose, self._contract)
        if bad is None:
            refusal = self._measured.refusal(pose, now=now)
            if refusal is not None:
                self._ledger.count(*refusal, now)
                return hold
            bad = self._measured.fault(pose)
        if bad is not None:
            return self.fault(*bad, now=now)
        self._commands.forget_over(self._measured.gap(pose), pose)
        self._measured.take(pose, steady=steady)
        return hold

    def on_action(self, action: Action, *, now: int, steady: int) -> Command | None:
        """See `Gate.on_action`."""
        state = self._state
        hold = self._heed_clock(now, steady)
        if self._state is not state:
            return hold
        refusal = self._refusal(action) or self._unmet(action, now, steady)
        if refusal is not None:
            self._ledger.count(*refusal, now)
            return None
        if self._commands.repeated(action):
            return self._send(self._commands.last)
        pose = self._measured.newest
        assert pose is not None
        command = self._apply(action, pose, steady)
        if self._state is State.MOVING:
            self._watchdog.feed(steady)
        return command

    def on_deadman(self, held: bool, *, now: int, steady: int) -> Command | None:
        """See `Gate.on_deadman`."""
        if self._deadman is None:
            return None
        self._deadman.feed(held, steady)
        if held or self._state is not State.MOVING:
            return None
        return self._start_hold(reasons.DEADMAN_RELEASED, "expected the deadman held, found it let go", now)

    def tick(self, *, now: int, steady: int) -> Command | None:
        """See `Gate.tick`."""
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

    def _unmet(self, action: Action, now: int, steady: int) -> checks.Refusal | None:
        """What an action lacks to be obeyed now."""
        envelope = self._envelope
        refusal = (
            checks.pose_age(self._measured.newest, envelope, now=now)
            or self._measured.silence(steady)
            or checks.action_age(action, envelope, now=now)
            or checks.observation_age(action, envelope, now=now)
        )
        same = self._commands.repeated(action) and self._state is State.MOVING
        if refusal is None and self._commands.overtaken(action) and not same:
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

    def _heed_clock(self, now: int, steady: int) -> Command | None:
        """Where ROS time has jumped, stamps from before mean nothing any more, and what moves holds."""
        jump = self._clock.jump(now, steady)
        if jump == 0.0:
            return None
        hold = None
        if self._state is State.MOVING:
            hold = self._start_hold(reasons.CLOCK_JUMP, f"expected ROS time to run evenly, found {jump:+.3f} s", now)
        self._commands.forget_stamps()
        self._measured.clock_jumped()
        return hold

    def _end_lease(self) -> None:
        super()._end_lease()
        self._watchdog.disarm()
