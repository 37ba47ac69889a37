"""A witness of the gate's promises: it sees inputs, outputs and status, and says what was broken.

It shares no code with the gate's checks: limits are recomputed from the numbers that went in and came out, the keep-out
boxes by points along the way. Times are int nanoseconds; `steady` never runs back.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from inspire_arm.faults.reach import explained, step
from inspire_arm.faults.stream import Event, Setup
from inspire_arm.motion import Action, Command, Pose
from inspire_arm.reasons import REGISTRY, Effect
from inspire_arm.states import Snapshot, State

TINY = 1e-9
UNIT = 0.01  # a quaternion further from unit length is no orientation
FAR = 100.0  # m, no arm is longer
NONE: set[str] = set()
MEMORY = 64  # poses
CUTS = {"outside_workspace", "keep_out"}
TAKEN_BACK = {*CUTS, "arm_lags"}


@dataclass
class Witness:
    """Told everything, in order.

    Attributes:
        broken: what was broken, one sentence each. reasons: how many inputs counted each reason.
        motions: commands that moved. held: whether the last command was a hold.
    """

    setup: Setup
    broken: list[str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    motions: int = 0
    held: bool = False

    def __post_init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._state = State.IDLE
        self._holder = ""
        self._enabled = self.setup.motion_enabled
        self._latched: frozenset[str] = frozenset()
        self._told: tuple[object, ...] = ()
        self._poses: deque[Pose] = deque(maxlen=MEMORY)
        self._heard_stamp = 0
        self._reach = self.setup.envelope.max_hold_distance + TINY
        self._pose_heard = self._deadman_heard = self._motion_at = self._said_at = self._tick_at = -(10**18)
        self._motion: Command | None = None  # the last one; None after a hold or a new episode
        self._target: Command | None = None  # the same, never forgotten while motion stays enabled
        self._hold: Command | None = None
        # The pose after a gap in time: the arm may have been put somewhere else, and a hold be captured anew.
        self._elsewhere: Event | None = None

    def see(self, event: Event, command: Command | None, snapshot: Snapshot) -> None:
        """One input, what the gate returned for it and its status afterwards."""
        self._hear(event)
        new = self._count(snapshot, reset=event.what == "reset")
        if command is not None:
            self._judge_command(event, command, snapshot, new)
        elif event.what == "action" and not new and not self.setup.lockstep:
            self._break("an action was dropped without a reason")
        self._judge_state(event, snapshot, new)
        if event.what == "tick":
            self._judge_times(event, snapshot)
        if event.what == "enable" and bool(event.data) != self._enabled:
            self._enabled = bool(event.data)
            self._motion = self._target = self._hold = None
        if not self._enabled and snapshot.state not in (State.IDLE, State.FAULT):
            self._break(f"state {snapshot.state.name} with motion disabled")
        self._state, self._holder = snapshot.state, snapshot.holder

    def _break(self, sentence: str) -> None:
        self.broken.append(sentence)

    def _hear(self, event: Event) -> None:
        data = event.data
        if event.what == "pose" and isinstance(data, Pose):
            if _is_pose(data) and data.frame == self.setup.contract.frame:
                gap = (data.stamp - self._heard_stamp) * 1e-9 if self._poses else 0.0
                if self.setup.lockstep and not 0 <= gap <= 1.5 * self.setup.contract.period:
                    self._motion = self._hold = None  # another episode
                if not 0 <= gap <= 0.2:
                    self._elsewhere = event
                self._poses.append(data)
                self._pose_heard = event.at
                if self.setup.lockstep or abs(event.now - data.stamp) * 1e-9 <= self.setup.envelope.max_pose_age:
                    self._heard_stamp = data.stamp  # one that is too old to count does not end a gap either
        elif event.what == "deadman":
            self._deadman_heard = event.at if data else -(10**18)

    def _count(self, snapshot: Snapshot, *, reset: bool) -> set[str]:
        """Names that were counted just now."""
        if snapshot.counts is self._told:
            return NONE
        self._told = snapshot.counts
        new = set()
        for reason in snapshot.counts:
            if reason.count != (0 if reset else self._counts.get(reason.name, 0)):
                new.add(reason.name)
                if reason.name not in REGISTRY:
                    self._break(f"{reason.name} is not in the registry")
                self._counts[reason.name] = reason.count
                self.reasons[reason.name] = self.reasons.get(reason.name, 0) + 1
        if reset:
            self._counts = {reason.name: reason.count for reason in snapshot.counts}
        return new

    def _judge_state(self, event: Event, snapshot: Snapshot, new: set[str]) -> None:
        if not new and snapshot.state is self._state and event.what != "reset":
            return
        latched = frozenset(reason.name for reason in snapshot.latched)
        if (snapshot.state is State.FAULT) != bool(latched):
            self._break(f"state {snapshot.state.name} with latched faults {sorted(latched)}")
        if event.what != "reset" and not self._latched <= latched:
            self._break(f"faults went without a reset: {sorted(self._latched - latched)}")
        self._latched = latched
        if snapshot.state is self._state:
            return
        named = {effect for name in new for effect in REGISTRY[name].effects}
        if snapshot.state is State.HOLDING and event.what != "reset" and Effect.HOLD not in named:
            self._break(f"a hold without a name, counted {sorted(new)}")
        if snapshot.state is State.FAULT and not any(Effect.FAULT in REGISTRY[name].effects for name in latched):
            self._break(f"a fault without a name, latched {sorted(latched)}")
        if snapshot.state is State.FAULT and snapshot.holder:
            self._break("a fault left the lease")

    def _judge_command(self, event: Event, command: Command, snapshot: Snapshot, new: set[str]) -> None:
        if not self._enabled:
            self._break("a command with motion disabled")
        numbers = (*command.position.tolist(), *command.quaternion.tolist())
        if not all(map(math.isfinite, numbers)):
            self._break(f"a command that is not finite: {numbers}")
            return
        if abs(math.hypot(*command.quaternion) - 1.0) > 2e-3:
            self._break(f"a command without an orientation: {command.quaternion}")
            return
        if command.opening is not None and not 0.0 <= command.opening <= 1.0:
            self._break(f"an opening of {command.opening}")
        if command is self._motion or (self.setup.lockstep and command is self._target):
            return  # the same answer again
        moves = event.what in ("action", "pose") and snapshot.state is State.MOVING
        self.held = not moves
        if moves:
            self._judge_motion(event, command, new)
            self._motion = self._target = command
            self._motion_at, self._hold = event.at, None
            self.motions += 1
        else:
            self._judge_hold(event, command)
            self._motion = None
            self._said_at = event.at

    def _judge_hold(self, event: Event, hold: Command) -> None:
        if any(hold.twist.linear.tolist()) or any(hold.twist.angular.tolist()):
            self._break("a hold that moves")
        captured = self._hold
        if captured is not None and _same(hold, captured):
            self._hold = hold
            return
        known = any(_same(hold, pose) for pose in self._poses)
        if self._target is None:
            self._break("a hold before anything was commanded")
        elif not known and not _same(hold, self._target):
            self._break(f"a hold at {hold.position}, neither the last target nor a measured pose")
        elif not any(math.dist(hold.position, pose.position) <= self._reach for pose in self._poses):
            self._break(f"a hold at {hold.position}, far from every measured pose")
        elif captured is not None and self._elsewhere is None:
            self._break("a hold that was captured twice")
        self._hold = hold
        if self._elsewhere is not event:  # a hold that the gap itself brought comes before its pose is believed
            self._elsewhere = None

    def _judge_motion(self, event: Event, command: Command, new: set[str]) -> None:
        setup, envelope = self.setup, self.setup.envelope
        linear, angular = command.twist.linear, command.twist.angular
        speed, turn = math.hypot(*linear), math.hypot(*angular)
        if not speed <= envelope.max_linear_speed * (1 + TINY):
            self._break(f"a speed of {speed} m/s")
        if not turn <= envelope.max_angular_speed * (1 + TINY):
            self._break(f"a speed of {turn} rad/s")
        # Of several poses at one place the gate may have used the freshest.
        freshest = sorted(reversed(self._poses), key=lambda pose: abs(event.now - pose.stamp))
        pose, broken = explained(command, freshest, setup, event.now)
        self.broken += broken
        if pose is None:
            return
        before = self._motion
        period = setup.contract.period
        seconds = period
        if before is not None:
            at = command.stamp - before.stamp if setup.lockstep else event.at - self._motion_at
            seconds = min(max(at * 1e-9, 0.0), period)
        for name, now, old, most in (
            ("linear", linear, None if before is None else before.twist.linear, envelope.max_linear_change),
            ("angular", angular, None if before is None else before.twist.angular, envelope.max_angular_change),
        ):
            change = math.hypot(*(now if old is None else now - old))
            if change > most * seconds + 1e-7 and not (name == "linear" and new & CUTS):
                self._break(f"a change of {name} speed of {change:.4g} within {seconds:.4g} s")
        if before is not None and not new & TAKEN_BACK and not setup.lockstep:
            self.broken += step(command, before, min((event.at - self._motion_at) * 1e-9, 2 * period), setup)
        self._judge_right(event, new, pose, command)

    def _judge_right(self, event: Event, new: set[str], pose: Pose, command: Command) -> None:
        """Whether this action may move the arm at all, and whether what it came to was reported."""
        setup, envelope, contract = self.setup, self.setup.envelope, self.setup.contract
        if self._state is State.FAULT:
            self._break("motion out of a fault")
        if setup.deadman and (event.at - self._deadman_heard) * 1e-9 > setup.deadman + TINY:
            self._break("motion without the deadman")
        action = event.data
        if not isinstance(action, Action):
            return  # lockstep: the pose came after its action
        lead = action.lead
        if not lead.finite or action.frame != contract.frame or action.tool_frame != contract.tool_frame:
            self._break("motion by an action that is not finite or of another frame")
        if not self._holder or action.commander_id != self._holder:
            self._break(f"motion by {action.commander_id!r}, the lease is held by {self._holder!r}")
        if not setup.lockstep:
            for name, stamp, most in (
                ("action", action.stamp, envelope.max_action_age),
                ("observation", action.observation_stamp, envelope.max_observation_age),
                ("pose", pose.stamp, envelope.max_pose_age),
            ):
                age = (event.now - stamp) * 1e-9
                ahead = envelope.max_pose_age if name == "pose" else envelope.max_action_age
                if age > most + TINY or age < -ahead - TINY:
                    self._break(f"motion by a {name} {age:.3f} s old")
        gain = contract.lead_gain
        with np.errstate(over="ignore"):
            wanted = (gain * lead.translation).tolist() + (gain * lead.rotation).tolist()
        exact = command.twist.linear.tolist() + command.twist.angular.tolist() == wanted
        if not exact and not any(Effect.CLAMP in REGISTRY[name].effects for name in new):
            self._break("a clamp without a report")
        if setup.stop_on_violation and any(Effect.CLAMP in REGISTRY[name].effects for name in new):
            self._break("motion past a limit that stops")

    def _judge_times(self, event: Event, snapshot: Snapshot) -> None:
        """After a tick nothing moves on that has lost what it needs, and holds are said again."""
        if self.setup.lockstep:
            return
        since, self._tick_at = (event.at - self._tick_at) * 1e-9, event.at
        if snapshot.state is State.MOVING:
            for name, heard, limit in (
                ("an action", self._motion_at, self.setup.silence_hold),
                ("a pose", self._pose_heard, self.setup.envelope.max_pose_silence),
                ("the deadman", self._deadman_heard, self.setup.deadman or math.inf),
            ):
                silence = (event.at - heard) * 1e-9
                if silence > limit + TINY:
                    self._break(f"still moving {silence:.3f} s after {name} was heard")
        elif snapshot.state in (State.HOLDING, State.FAULT) and self._target is not None:
            silence = (event.at - self._said_at) * 1e-9
            if silence > self.setup.contract.period + since + TINY:
                self._break(f"a hold not said for {silence:.3f} s")


def _is_pose(pose: Pose) -> bool:
    """Whether an arm can be there; what is not a pose does not end a gap between poses."""
    place, turn = pose.position.tolist(), pose.quaternion.tolist()
    return all(math.isfinite(x) and abs(x) < FAR for x in place) and abs(math.hypot(*turn) - 1.0) < UNIT


def _same(command: Command, other: Command | Pose) -> bool:
    if command.position is other.position:
        return True
    return command.position.tolist() == other.position.tolist() and (
        command.quaternion.tolist() == other.quaternion.tolist()
    )
