"""What the arm is told next, and the memory of what it was told: the command of an action, and the hold.

A hold is a pose captured once and said again and again: measured anew each time it would sag on a compliant arm.
"""

from __future__ import annotations

import math
from dataclasses import replace

from inspire_arm import holds
from inspire_arm.adapters import Adapter
from inspire_arm.envelope import Envelope, limit
from inspire_arm.gripper import GripperRule
from inspire_arm.motion import NANOSECONDS, Action, Command, Pose, Twist
from inspire_policy.action import ActionContract

MEMORY_PERIODS = 1.5  # a larger gap between poses ends what was remembered of the motion
RESET_GAP = 0.5  # s; after a gap this large a hold that is far from where the arm is now belongs to another episode
Clamps = tuple[tuple[str, str], ...]  # (name, expected and found)


class Commands:
    """Makes commands and remembers those of the present motion.

    Args:
        lockstep: whether time stands still between two poses, so that a hold is said for the stamp of the last command.
        stop_on_violation: an action that would be clamped gets no command.
    Attributes:
        last: the last command of an action, within the memory of the motion.
    """

    def __init__(
        self,
        *,
        contract: ActionContract,
        envelope: Envelope,
        adapter: Adapter,
        gripper: GripperRule,
        lockstep: bool,
        stop_on_violation: bool,
    ) -> None:
        self._contract, self._envelope = contract, envelope
        self._adapter, self._gripper = adapter, gripper
        self._lockstep, self._stop_on_violation = lockstep, stop_on_violation
        self.last: Command | None = None
        self._last_key: tuple[int, int, str, int, int] | None = None
        self._last_steady: int | None = None
        self._last_stamp: int | None = None  # of the last command ever
        self._twist = Twist.zero()
        self._hold: Command | None = None
        self._opening: float | None = None  # measured

    def of_action(self, action: Action, measured: Pose, steady: int) -> tuple[Command | None, Clamps]:
        """The command of an accepted action and what was clamped; None where that stops."""
        elapsed = self._contract.period
        if self._last_steady is not None:
            elapsed = (steady - self._last_steady) / NANOSECONDS
        limited = limit(
            action.lead,
            position=measured.position,
            previous=self._twist,
            elapsed=elapsed,
            envelope=self._envelope,
            contract=self._contract,
        )
        target = self._adapter.target(limited, measured, elapsed)
        clamps = limited.clamps + target.clamps
        if clamps and self._stop_on_violation:
            return None, clamps
        opening = self._gripper.goal(limited.lead.opening)
        command = Command(action.stamp, target.position, target.quaternion, opening, limited.twist)
        self.last, self._last_key, self._last_steady, self._last_stamp = command, action.key, steady, command.stamp
        self._twist = limited.twist
        self._hold = None
        return command, clamps

    def hold(self, measured: Pose | None, now: int) -> Command | None:
        """The hold at `now`, captured when there is none yet; None when nothing was ever commanded."""
        if self._last_stamp is None or measured is None:
            return None
        if self._hold is None:
            last = self.last
            opening = None if self._gripper.switch else self._opening if last is None else last.opening
            near = last if last is not None and self._near(last, measured) else None
            self._hold = holds.capture(near, measured, opening)
            self._twist = Twist.zero()
            self._adapter.remember(self._hold)
        return replace(self._hold, stamp=self._last_stamp if self._lockstep else now)

    @property
    def holding(self) -> bool:
        """Whether a hold was captured and is the last word."""
        return self._hold is not None

    def answered(self, stamp: int) -> bool:
        """Whether the last command was for this stamp."""
        return self.last is not None and self.last.stamp == stamp

    def repeated(self, action: Action) -> bool:
        """Whether this is the very action of the last command."""
        return action.key == self._last_key

    def overtaken(self, action: Action) -> bool:
        """Whether the last command was for the action's stamp or a later one."""
        return self.last is not None and action.stamp <= self.last.stamp

    def measure_gripper(self, opening: float) -> None:
        """The measured opening, 0 closed .. 1 open; what is not finite is ignored."""
        if math.isfinite(opening):
            self._opening = min(max(opening, 0.0), 1.0)

    def forget_gripper(self) -> None:
        """What the gripper does is not known: it is told again."""
        self._gripper.forget()

    def forget_stamps(self) -> None:
        """Stamps from before mean nothing any more."""
        self.last = self._last_key = None

    def forget_over(self, gap: float, measured: Pose) -> None:
        """Drop what was remembered of the motion before a gap of `gap` seconds (negative: time ran back)."""
        if 0 <= gap <= MEMORY_PERIODS * self._contract.period:
            return
        if self._lockstep or not 0 <= gap <= RESET_GAP:
            self._adapter.forget()
        if self._lockstep:
            self.last = self._last_key = self._last_steady = self._hold = None
            self._twist = Twist.zero()
        elif self._hold is not None and gap > RESET_GAP and not self._near(self._hold, measured):
            # Poses may also have been missed on a busy machine: a hold near the arm stays as it was captured.
            self._hold = None

    def forget(self) -> None:
        """Nothing was ever commanded."""
        self.last = self._last_key = self._last_steady = self._last_stamp = self._hold = None
        self._twist = Twist.zero()
        self._adapter.forget()
        self._gripper.forget()

    def _near(self, command: Command, measured: Pose) -> bool:
        return holds.is_near(command, measured, self._envelope, self._contract)
