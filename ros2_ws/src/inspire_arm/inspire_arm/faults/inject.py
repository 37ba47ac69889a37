"""How streams are disturbed: each function here makes an injection, which changes a stream from its onset on.

Whatever is random comes from the stream's own generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from inspire_arm.faults.stream import COMMANDER, EPOCH, MS, Stream
from inspire_policy.action import Lead

Inject = Callable[[Stream], None]


def nothing(stream: Stream) -> None:
    """Leave the stream as it is."""


def lose(what: str) -> Inject:
    """No event of a kind from the onset on."""
    return lambda stream: stream.drop(what)


def never(what: str) -> Inject:
    """No event of a kind at all."""

    def inject(stream: Stream) -> None:
        stream.events = [event for event in stream.events if event.what != what]

    return inject


def happen(what: str, data: Any = None, *, then: tuple[str, Any] | None = None, drop: str = "") -> Inject:
    """One event at the onset, another one 10 to 100 ms later; and no event of the kind `drop` any more."""

    def inject(stream: Stream) -> None:
        stream.drop(drop)
        stream.add(stream.onset, what, data)
        if then is not None:
            stream.add(stream.onset + int(stream.random.uniform(10, 100) * MS), *then)

    return inject


def delay(what: str, low: float, high: float) -> Inject:
    """Events arrive late by a time between low and high seconds."""

    def inject(stream: Stream) -> None:
        late = int(stream.random.uniform(low, high) * 1e9)
        for event in stream.after(what):
            event.at += late
            event.now += late
        stream.events = [event for event in stream.events if event.at < stream.end]

    return inject


def shift_stamps(low: float, high: float) -> Inject:
    """Stamps of actions are wrong by a time between low and high seconds; observations only when behind."""

    def inject(stream: Stream) -> None:
        shift = int(stream.random.uniform(low, high) * 1e9)
        for event in stream.after("action"):
            stamp, seen = event.data.stamp + shift, event.data.observation_stamp + min(shift, 0)
            event.data = replace(event.data, stamp=stamp, observation_stamp=seen)

    return inject


def change(**fields: Any) -> Inject:
    """Actions have other fields."""
    return lambda stream: stream.change(**fields)


def steer(make: Callable[[Stream], Lead]) -> Inject:
    """Actions have this lead."""
    return lambda stream: stream.change(lead=make(stream))


def measure(**fields: Any) -> Inject:
    """Poses have other fields, see `Arm.measure`."""

    def inject(stream: Stream) -> None:
        for event in stream.after("pose"):
            event.data = fields

    return inject


def jump_clock(low: float, high: float) -> Inject:
    """ROS time, and with it all stamps, jumps by a time between low and high seconds."""

    def inject(stream: Stream) -> None:
        jump = int(stream.random.uniform(low, high) * 1e9)
        for event in stream.events:
            if event.at >= stream.onset:
                event.now += jump
                if event.what == "action":
                    stamp, seen = event.data.stamp + jump, event.data.observation_stamp + jump
                    event.data = replace(event.data, stamp=stamp, observation_stamp=seen)

    return inject


def stop_clock(stream: Stream) -> None:
    """ROS time, and with it all stamps, stands still."""
    still = EPOCH + stream.onset
    for event in stream.events:
        if event.at >= stream.onset:
            event.now = still
            if event.what == "action":
                event.data = replace(event.data, stamp=still, observation_stamp=still)


def burst(stream: Stream) -> None:
    """A process that stood still for 100 to 200 ms gets everything at once, in order."""
    until = stream.onset + int(stream.random.uniform(0.1, 0.2) * 1e9)
    for event in stream.events:
        if stream.onset <= event.at < until:
            if event.what == "pose":
                event.data = {"age": until - event.at}
            event.at, event.now = until, EPOCH + until


def stall(stream: Stream) -> None:
    """No action for 110 to 400 ms."""
    until = stream.onset + int(stream.random.uniform(0.11, 0.4) * 1e9)
    stream.events = [e for e in stream.events if e.what != "action" or not stream.onset <= e.at < until]


def every_other(stream: Stream) -> None:
    """Every other action is lost."""
    skipped = {id(event) for event in stream.after("action")[::2]}
    stream.events = [event for event in stream.events if id(event) not in skipped]


def swap_actions(stream: Stream) -> None:
    """The second of each pair of actions comes first."""
    actions = stream.after("action")
    for first, second in zip(actions[::2], actions[1::2]):
        first.data, second.data = second.data, first.data


def repeat_actions(stream: Stream) -> None:
    """Each action arrives three times within 20 ms."""
    for event in stream.after("action"):
        for _ in range(2):
            stream.add(event.at + int(stream.random.uniform(0, 20) * MS), "action", event.data)


def flood(stream: Stream) -> None:
    """Thirty random actions at 1 kHz, between the others."""
    template = stream.after("action")[0].data
    for index in range(30):
        at = stream.onset + index * MS
        lead = Lead(np.array(stream.direction(0.03)), np.array(stream.direction(0.05)), stream.random.random())
        action = replace(template, stamp=EPOCH + at, observation_stamp=EPOCH + at, chunk_id=9, index=index, lead=lead)
        stream.add(at, "action", action)


def freeze_observation(stream: Stream) -> None:
    """All actions come from one observation."""
    stream.change(observation_stamp=EPOCH + stream.onset)


def future_observation(stream: Stream) -> None:
    """The observation lies half a second ahead, and more."""
    stream.change(observation_stamp=EPOCH + stream.end + 500 * MS)


def reverse(stream: Stream) -> None:
    """0.16 m/s to and fro."""
    ahead = np.array(stream.direction(0.03))
    for index, event in enumerate(stream.after("action")):
        event.data = replace(event.data, lead=Lead((-1) ** index * ahead, np.zeros(3), 0.5))


def one_number(number: float) -> Callable[[Stream], Lead]:
    """A lead of which one number, a random one, is this."""

    def make(stream: Stream) -> Lead:
        numbers = np.full(7, 0.01)
        numbers[stream.random.randrange(7)] = number
        return Lead(numbers[:3], numbers[3:6], float(numbers[6]))

    return make


def huge(stream: Stream) -> Lead:
    """From 1 m to 1e300 m, and as many radians."""
    size = 10.0 ** stream.random.uniform(0, 300)
    return Lead(np.array(stream.direction(size)), np.array(stream.direction(size)), 0.5)


def ahead(lead: float) -> Callable[[Stream], Lead]:
    """Towards +x, give or take a quarter."""

    def make(stream: Stream) -> Lead:
        aside = [stream.random.uniform(-0.25, 0.25) * lead for _ in range(2)]
        return Lead(np.array([lead, *aside]), np.zeros(3), 0.5)

    return make


def gripper(opening: float) -> Callable[[Stream], Lead]:
    """A slow lead with this opening."""
    return lambda stream: Lead(np.array([0.005, 0.0, 0.0]), np.zeros(3), opening)


def take_over(stream: Stream) -> None:
    """The lease is given back and acquired by another one."""
    stream.add(stream.onset, "release", COMMANDER)
    stream.add(stream.onset + MS, "acquire", "expert")


def impostor(stream: Stream) -> None:
    """Another commander's actions come between."""
    for event in stream.after("action"):
        stream.add(event.at + 10 * MS, "action", replace(event.data, commander_id="expert", chunk_id=77))


def storm(stream: Stream) -> None:
    """Resets, and others who ask for the lease or give it back, every 3 ms."""
    for at in range(stream.onset, stream.end, 3 * MS):
        stream.add(at, *stream.random.choice((("reset", None), ("acquire", "expert"), ("release", "expert"))))


def flutter(stream: Stream) -> None:
    """The deadman is let go for 20 to 100 ms."""
    until = stream.onset + int(stream.random.uniform(20, 100) * MS)
    for event in stream.after("deadman"):
        event.data = event.at >= until
    stream.add(stream.onset, "deadman", False)


def no_clock(stream: Stream) -> None:
    """ROS time is 0 all the time; stamps are not."""
    for event in stream.events:
        if event.what == "pose":
            event.data = {"stamp": event.now}
        event.now = 0


def freeze_pose(stream: Stream) -> None:
    """The stamp of the last good pose for ever."""
    stamp = max(event.now for event in stream.events if event.what == "pose" and event.at < stream.onset)
    measure(stamp=stamp)(stream)


def swap_poses(stream: Stream) -> None:
    """Every other pose is older than the one before."""
    for event in stream.after("pose")[1::2]:
        event.data = {"age": 60 * MS}


def repeat_poses(stream: Stream) -> None:
    """Each pose arrives twice."""
    for event in stream.after("pose"):
        stream.add(event.at + int(stream.random.uniform(1, 10) * MS), "pose", {"stamp": event.now})


def teleport(stream: Stream) -> None:
    """0.3 m away at once."""
    measure(offset=stream.direction(0.3))(stream)
