"""Streams of inputs to the gate as data: a commander, an arm, a deadman switch and the gate's own loop, undisturbed.

A kind of fault changes such a stream. Times are int nanoseconds: `at` on the steady clock, `now` and all stamps on ROS
time. Poses are measured while the stream is played, since where the arm is depends on what it was told.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from inspire_arm.adapters import IMPEDANCE_POSE, LeadLimits, make_adapter
from inspire_arm.envelope import ROBOT, Envelope
from inspire_arm.gate import Gate
from inspire_arm.gates import make_gate
from inspire_arm.gripper import GripperRule
from inspire_arm.motion import Action, Command, Pose
from inspire_arm.watchdog import Deadman, SilenceWatchdog
from inspire_policy.action import ActionContract, Lead

MS = 1_000_000
EPOCH = 1_000_000 * MS  # ROS time where the steady clock is 0
PERIOD = 50 * MS
TICK = 10 * MS
COMMANDER = "policy"
DOWN = np.array([1.0, 0.0, 0.0, 0.0])


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How the gate of a trial is configured. deadman, silence_hold: s; a deadman of None is not required."""

    envelope: Envelope = ROBOT
    contract: ActionContract = field(default_factory=ActionContract)
    lockstep: bool = False
    motion_enabled: bool = True
    deadman: float | None = 0.075
    silence_hold: float = 0.075
    stop_on_violation: bool = False
    gripper: str = "continuous"
    lease_timeout: float = 10.0
    controller: str = IMPEDANCE_POSE
    lead_limits: LeadLimits = field(default_factory=LeadLimits)

    def gate(self) -> Gate:
        """A gate of this setup."""
        return make_gate(
            contract=self.contract,
            envelope=self.envelope,
            lockstep=self.lockstep,
            motion_enabled=self.motion_enabled,
            adapter=make_adapter(self.controller, self.envelope, self.contract, self.lead_limits),
            watchdog=SilenceWatchdog(hold_after=self.silence_hold),
            deadman=None if self.deadman is None else Deadman(timeout=self.deadman),
            gripper=GripperRule(self.gripper),
            stop_on_violation=self.stop_on_violation,
            lease_timeout=self.lease_timeout,
        )


@dataclass(slots=True)
class Event:
    """One input.

    Attributes:
        at: steady time. now: ROS time. what: pose, action, tick, deadman, acquire, release, stop, reset, publishers or
            enable.
        data: an Action; for a pose a Pose, or the fields that differ from what is measured (with `age`, ns, and whether
            the arm is `blocked`); held for a deadman, the commander for a lease, a count of publishers, whether motion
            is enabled.
    """

    at: int
    what: str
    now: int = 0
    data: Any = None


@dataclass
class Stream:
    """The inputs of one trial, in order of `at` once sorted. `onset`: steady time at which the fault begins."""

    events: list[Event]
    onset: int
    end: int
    random: random.Random

    def after(self, what: str) -> list[Event]:
        """The events of a kind from the onset on."""
        return [event for event in self.events if event.what == what and event.at >= self.onset]

    def drop(self, what: str) -> None:
        """Leave out the events of a kind from the onset on."""
        self.events = [event for event in self.events if event.what != what or event.at < self.onset]

    def add(self, at: int, what: str, data: Any = None) -> None:
        """One event more; ROS time runs evenly there."""
        self.events.append(Event(at, what, EPOCH + at, data))

    def change(self, **fields: Any) -> None:
        """Give every action from the onset on other fields."""
        for event in self.after("action"):
            event.data = replace(event.data, **fields)

    def steer(self, translation: tuple[float, ...], rotation: tuple[float, ...], opening: float = 0.5) -> None:
        """Give every action from the onset on this lead: m, rad, opening."""
        self.change(lead=Lead(np.array(translation), np.array(rotation), opening))

    def direction(self, size: float) -> tuple[float, ...]:
        """A random direction of a length."""
        vector = [self.random.gauss(0.0, 1.0) for _ in range(3)]
        length = math.hypot(*vector) or 1.0
        return tuple(size * value / length for value in vector)


def undisturbed(generator: random.Random, seconds: float) -> Stream:
    """A stream in which nothing goes wrong: no clamp, no hold, no reason is counted.

    Rates, phases, latencies and motion are random; the onset lies between 0.15 and 0.25 s.
    """
    end = int(seconds * 1e9)
    stream = Stream([], int(generator.uniform(150, 250) * MS), end, generator)
    stream.add(0, "acquire", COMMANDER)
    for what, period, data in (
        ("tick", TICK, None),
        ("deadman", 20 * MS, True),
        ("pose", generator.choice((20, 30, 50)) * MS, {}),
    ):
        for at in range(1 + int(generator.random() * period * 0.5), end, period):
            stream.add(at, what, data)
    # 0.1 m/s and 0.15 rad/s at most, and changes of speed far below the limits.
    ahead, turn = stream.direction(generator.uniform(0.005, 0.012)), stream.direction(generator.uniform(0.0, 0.03))
    phase = generator.uniform(0.0, 6.0)
    for index, at in enumerate(range(60 * MS + int(generator.random() * PERIOD), end, PERIOD)):
        late = int(generator.random() * 8 * MS)
        scale = 0.8 + 0.2 * math.sin(phase + 0.2 * index)
        stamp = EPOCH + at
        lead = Lead(np.array([scale * v for v in ahead]), np.array([scale * v for v in turn]), generator.random())
        action = Action(stamp, stamp - 30 * MS, "panda_link0", "panda_grip_site", COMMANDER, 1, index, lead)
        stream.add(at + late, "action", action)
    return stream


class Arm:
    """Where the tool is: it goes towards what it was told, as an impedance controller makes it."""

    def __init__(self, start: tuple[float, float, float]) -> None:
        self._position = list(start)
        self._quaternion = DOWN
        self._target: Command | None = None
        self._at = 0

    def told(self, command: Command) -> None:
        """A command, from now on the target."""
        self._target = command

    def measure(self, event: Event) -> Pose:
        """The pose at an event, in which the fields of its data stand instead."""
        fields = event.data
        if self._target is not None and not (fields and fields.get("blocked")):
            part = min(1.0, 5.3e-9 * (event.at - self._at))
            target = self._target.position.tolist()
            self._position = [p + part * (t - p) for p, t in zip(self._position, target)]
        self._at = event.at
        if not fields:
            return Pose(event.now, "panda_link0", np.array(self._position), self._quaternion)
        return Pose(
            fields.get("stamp", event.now - fields.get("age", 0)),
            fields.get("frame", "panda_link0"),
            np.array([p + o for p, o in zip(self._position, fields.get("offset", (0.0, 0.0, 0.0)))]),
            np.array(fields.get("quaternion", self._quaternion)),
        )


def feed(gate: Gate, event: Event) -> Command | None:
    """Give one event to a gate; what it returns."""
    what, data, now, at = event.what, event.data, event.now, event.at
    if what == "tick":
        return gate.tick(now=now, steady=at)
    if what == "pose":
        return gate.on_pose(data, now=now, steady=at)
    if what == "action":
        return gate.on_action(data, now=now, steady=at)
    if what == "deadman":
        return gate.on_deadman(data, now=now, steady=at)
    if what == "acquire":
        gate.acquire(data, steady=at)
        return None
    if what == "release":
        return gate.release(data, now=now)[2]
    if what == "stop":
        return gate.fault("operator_stop", "arm/stop was called", now=now)
    if what == "reset":
        gate.reset()
        return None
    if what == "publishers":
        return gate.on_publishers(data, now=now)
    if what == "enable":
        return gate.enable_motion(data, now=now)
    raise ValueError(f"event: expected a kind of input to the gate, found {what!r}")
