"""The gate in lockstep: action and measured pose of equal stamp belong together, in either order of arrival.

No clock is looked at: the only time is that of the stamps. What was answered before is answered with the very same
command.
"""

from __future__ import annotations

from inspire_arm import checks, reasons
from inspire_arm.gate import Gate
from inspire_arm.motion import Action, Command, Pose
from inspire_arm.states import State


class LockstepGate(Gate):
    """See the module and `Gate`."""

    in_lockstep = True
    _pending: Action | None = None  # waits for the pose of its stamp

    def on_pose(self, pose: Pose, *, now: int, steady: int) -> Command | None:
        """See `Gate.on_pose`. The pose may be what an action waits for."""
        bad = checks.pose_fault(pose, self._contract)
        if bad is not None:
            return self.fault(*bad, now=now)
        self._commands.forget_over(self._measured.gap(pose), pose)
        self._measured.take(pose, steady=steady)
        if self._pending is not None and self._pending.stamp <= pose.stamp:
            action, self._pending = self._pending, None
            return self.on_action(action, now=now, steady=steady)
        # The body asks again: the answer was lost on the way.
        if self._state is State.MOVING and self._commands.answered(pose.stamp):
            return self._send(self._commands.last)
        return None

    def on_action(self, action: Action, *, now: int, steady: int) -> Command | None:
        """See `Gate.on_action`. One that is ahead waits for its pose."""
        refusal = self._refusal(action)
        if refusal is not None:
            self._ledger.count(*refusal, now)
            return None
        pose = self._measured.newest
        if pose is None or action.stamp > pose.stamp:
            self._pending = action
            return None
        if self._commands.answered(action.stamp):
            return self._send(self._commands.last)
        refusal = self._late(action, pose)
        if refusal is not None:
            self._ledger.count(*refusal, pose.stamp)
            return None
        return self._apply(action, pose, action.stamp)

    def on_deadman(self, held: bool, *, now: int, steady: int) -> Command | None:
        """See `Gate.on_deadman`. How long a switch is held needs a clock: nobody listens."""
        return None

    def tick(self, *, now: int, steady: int) -> Command | None:
        """See `Gate.tick`. Nothing grows old."""
        return None

    def _late(self, action: Action, pose: Pose) -> checks.Refusal | None:
        if action.stamp < pose.stamp:
            age = (pose.stamp - action.stamp) * 1e-9
            return reasons.STALE_ACTION, f"expected the stamp of the measured pose, found one {age:.3f} s older"
        return checks.observation_age(action, self._envelope, now=pose.stamp)

    def _end_lease(self) -> None:
        super()._end_lease()
        self._pending = None
