"""The gate: the only thing that may command an arm. Pure core; whoever feeds it publishes the commands it returns.

States: IDLE (nothing commanded yet), MOVING, HOLDING (leaves by itself on the next accepted action), FAULT (latched;
ends the lease, so that nothing moves by itself after a reset). What belongs together in time and what is too old is
said by the two kinds of gate: `lockstep` and `realtime`.

With motion disabled everything is computed and counted in the same way, but no method returns a command: what would
have been said waits in `take_withheld`, and the state that is told is IDLE, since the arm is told nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from inspire_arm import checks, reasons
from inspire_arm.adapters import Adapter, ImpedancePose
from inspire_arm.commands import Commands
from inspire_arm.envelope import Envelope
from inspire_arm.gripper import GripperRule
from inspire_arm.leases import Lease
from inspire_arm.motion import Action, Command, Pose
from inspire_arm.poses import MeasuredPose
from inspire_arm.reasons import Ledger
from inspire_arm.states import Snapshot, State
from inspire_policy.action import ActionContract


class Gate(ABC):
    """See the module. Methods that may have something to say return the command to publish, else None.

    Times: `now` is ROS time, `steady` the steady clock, both int nanoseconds.

    Args:
        contract, envelope: what actions mean, and the limits. motion_enabled: whether commands are returned at all.
        adapter: for the kind of arm controller. gripper: what the gripper is told.
        stop_on_violation: what would be clamped is a fault instead.
        lease_timeout: s after which a lease ends that was granted and never used; in realtime only.
    """

    in_lockstep: ClassVar[bool]

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
    ) -> None:
        self._contract = contract
        self._envelope = envelope
        self._motion_enabled = motion_enabled
        self._commands = Commands(
            contract=contract,
            envelope=envelope,
            adapter=adapter or ImpedancePose(envelope, contract),
            gripper=gripper or GripperRule(),
            lockstep=self.in_lockstep,
            stop_on_violation=stop_on_violation,
        )
        self._lease = Lease(lease_timeout)
        self._ledger = Ledger()
        self._state = State.IDLE
        self._measured = MeasuredPose(envelope)
        self._withheld: Command | None = None

    @abstractmethod
    def on_pose(self, pose: Pose, *, now: int, steady: int) -> Command | None:
        """A measured pose. A bad one is a fault, a late one is dropped; the last good one stays."""

    @abstractmethod
    def on_action(self, action: Action, *, now: int, steady: int) -> Command | None:
        """An action; refused ones are counted by name."""

    @abstractmethod
    def on_deadman(self, held: bool, *, now: int, steady: int) -> Command | None:
        """The deadman switch says whether it is held; without one required nobody listens."""

    @abstractmethod
    def tick(self, *, now: int, steady: int) -> Command | None:
        """One turn of the steady loop: watches for silence, says the hold again each control period."""

    @property
    def snapshot(self) -> Snapshot:
        """The state now."""
        ledger = self._ledger
        commanding = self._motion_enabled or self._state is State.FAULT
        return Snapshot(
            self._state if commanding else State.IDLE,
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
            self._commands.forget_gripper()
        return granted, message

    def release(self, commander_id: str, *, now: int) -> tuple[bool, str, Command | None]:
        """Give the lease back: (whether it was held, why not, hold to publish)."""
        released, message = self._lease.release(commander_id)
        if not released:
            return False, message, None
        self._end_lease()
        if self._state is not State.MOVING:
            return True, message, None
        return True, message, self._start_hold(reasons.LEASE_RELEASED, f"{commander_id} gave the lease back", now)

    def on_gripper(self, opening: float) -> None:
        """The measured gripper opening, 0 closed .. 1 open; what is not finite is ignored."""
        self._commands.measure_gripper(opening)

    def on_publishers(self, count: int, *, now: int) -> Command | None:
        """How many publishers there are on inspire/action; more than one is a fault."""
        if count < 2:
            return None
        detail = f"expected one publisher on inspire/action, found {count}: stop the others, then call arm/reset"
        return self.fault(reasons.SECOND_COMMANDER, detail, now=now)

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
        self._commands.forget()
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
        self._commands.forget_gripper()
        if self._state is State.FAULT:
            self._state = State.HOLDING if self._commands.holding else State.IDLE

    def last_word(self, *, now: int) -> Command | None:
        """The hold with which the process ends; None when nothing was ever commanded."""
        return self._say_hold(now)

    def _refusal(self, action: Action) -> checks.Refusal | None:
        if self._state is State.FAULT:
            return reasons.FAULTED, "expected no latched fault: call arm/reset once it is mended"
        return checks.sender(action, self._lease.holder) or checks.content(action, self._contract)

    def _apply(self, action: Action, measured: Pose, steady: int) -> Command | None:
        command, clamps = self._commands.of_action(action, measured, steady)
        for name, detail in clamps:
            self._ledger.count(name, detail, action.stamp)
        if command is None:
            name, detail = clamps[0]
            return self.fault(name, f"{detail}; on_violation is stop", now=action.stamp)
        self._ledger.clamped_actions += bool(clamps)
        self._state = State.MOVING
        return self._send(command)

    def _send(self, command: Command | None) -> Command | None:
        """The command where motion is enabled; else it is counted and withheld."""
        if command is None or self._motion_enabled:
            return command
        self._ledger.count(reasons.MOTION_DISABLED, "expected motion to be enabled, found it disabled", command.stamp)
        self._withheld = command
        return None

    def _end_lease(self) -> None:
        self._lease.end()

    def _start_hold(self, name: str, detail: str, now: int) -> Command | None:
        self._ledger.count(name, detail, now)
        self._state = State.HOLDING
        return self._say_hold(now)

    def _say_hold(self, now: int) -> Command | None:
        return self._send(self._commands.hold(self._measured.newest, now))
