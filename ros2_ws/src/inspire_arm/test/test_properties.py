"""For any sequence of inputs the gate keeps its promises, as the witness of the fault matrix sees them.

Each promise is a set of sentences that the witness may say; a sequence on which it says any is a counterexample.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from inspire_arm.adapters import STIFF_POSE, TWIST
from inspire_arm.envelope import ROBOT, SIM
from inspire_arm.faults.stream import EPOCH, MS, Event, Setup, feed
from inspire_arm.faults.witness import Witness
from inspire_arm.keepout import Box
from inspire_arm.motion import Action, Pose
from inspire_policy.action import Lead

BOXED = replace(ROBOT, keep_out=(Box((0.5, -0.1, 0.2), (0.53, 0.1, 0.5)), Box((0.2, -0.45, 0.0), (0.4, 0.0, 0.1))))
SETUPS = [
    Setup(envelope=BOXED),
    Setup(envelope=BOXED, deadman=None),
    Setup(envelope=ROBOT, deadman=None, gripper="switch", lease_timeout=0.2),
    Setup(envelope=SIM, deadman=None),
    Setup(envelope=BOXED, deadman=None, stop_on_violation=True),
    Setup(envelope=BOXED, deadman=None, motion_enabled=False),
    Setup(envelope=BOXED, deadman=None, lockstep=True),
    Setup(envelope=SIM, deadman=None, lockstep=True),
    Setup(envelope=BOXED, deadman=None, controller=STIFF_POSE),
    Setup(envelope=SIM, deadman=None, controller=STIFF_POSE),
    Setup(envelope=BOXED, deadman=None, controller=TWIST),
]
BAD = [math.nan, math.inf, -math.inf, 1e308, -1e308]
near = st.floats(-0.05, 0.05)
number = st.one_of(near, near, near, st.floats(-10, 10), st.sampled_from(BAD))
mostly = st.sampled_from


@st.composite
def inputs(draw):
    """One input: the time since the one before, ROS time's jump, its kind, and what it says relative to its time."""
    kind = draw(mostly(["go"] * 12 + ["pose"] * 3 + ["action"] * 4 + ["tick"] * 2 + ["deadman", "recover", "other"]))
    gap = draw(mostly([5, 10, 10, 10, 20, 20, 20, 20, 30, 30, 80, 550])) * MS
    jump = draw(mostly([0] * 40 + [300 * MS, -300 * MS, 10**15, -(10**15)]))
    if kind == "go":  # what a healthy stack says in one period, except that the lead may be anything finite
        far = draw(mostly([1.0, 1.0, 3.0, 1e3, 1e300]))
        return gap, 0, kind, (tuple(far * draw(near) for _ in range(6)), draw(st.floats(0, 1)))
    if kind == "recover":
        return gap, 0, kind, None
    if kind == "pose":
        step = tuple(draw(mostly([0.0, 0.0, 0.01, -0.01, 0.01])) for _ in range(3))
        wrong = draw(mostly([None] * 20 + ["nan", "unit", "frame", "far", "huge"]))
        return gap, jump, kind, (step, draw(mostly([0] * 9 + [60, -60, 400, -400])), wrong)
    if kind == "action":
        lead = tuple(draw(number) for _ in range(6)) if draw(mostly([0, 0, 1])) else tuple(draw(near) for _ in range(6))
        opening = draw(st.one_of(st.floats(0, 1), st.sampled_from([1.5, -1.0, *BAD])))
        stamps = draw(mostly([0] * 9 + [20, -20, 120, -120, 300])), draw(mostly([30] * 9 + [700, -700]))
        frames = draw(
            mostly([("panda_link0", "panda_grip_site")] * 15 + [("world", "panda_grip_site"), ("panda_link0", "")])
        )
        return gap, jump, kind, (lead, opening, stamps, frames, draw(mostly(["policy"] * 12 + ["expert", ""])))
    if kind == "deadman":
        return gap, jump, kind, draw(mostly([True, True, True, False]))
    if kind == "tick":
        return gap, jump, kind, None
    others = [("acquire", "policy"), ("acquire", "expert"), ("release", "policy"), ("stop", None), ("reset", None)]
    what, data = draw(
        mostly([*others, ("reset", None), ("publishers", 2), ("publishers", 1), ("enable", True), ("enable", False)])
    )
    return gap, jump, what, data


def events(setup, sequence):
    """The inputs as events, with a tick every 10 ms in between: the loop is not what fails here."""
    at, ahead, index = 0, EPOCH, 0
    place = np.array([0.45, 0.0, 0.35])
    yield Event(0, "acquire", ahead, "policy")
    yield Event(0, "deadman", ahead, True)
    for gap, jump, what, said in sequence:
        for quiet in range(at + 10 * MS, at + gap, 10 * MS):
            yield Event(quiet, "tick", quiet + ahead)
        at, ahead = at + gap, ahead + jump
        now = at + ahead
        if what == "recover":
            yield Event(at, "reset", now)
            yield Event(at, "enable", now, setup.motion_enabled)
            yield Event(at, "acquire", now, "policy")
            continue
        if what == "go":
            place = place + np.clip(said[0][:3], -0.005, 0.005)
            yield Event(at, "deadman", now, True)
            yield Event(at, "pose", now, Pose(now, "panda_link0", place.copy(), np.array([1.0, 0.0, 0.0, 0.0])))
            what, said = "action", (*said, (0, 30), ("panda_link0", "panda_grip_site"), "policy")
        if what == "pose":
            step, late, wrong = said
            place = place + step
            position, quaternion, frame = place.copy(), np.array([1.0, 0.0, 0.0, 0.0]), "panda_link0"
            if wrong == "nan":
                position[1] = math.nan
            elif wrong == "unit":
                quaternion = np.zeros(4)
            elif wrong == "frame":
                frame = "world"
            elif wrong is not None:
                position = position + (0.5 if wrong == "far" else 1e300)
            said = Pose(now - late * MS, frame, position, quaternion)
        elif what == "action":
            lead, opening, (late, seen), frames, who = said
            index += 1
            stamp = now - late * MS
            said = Action(
                stamp, stamp - seen * MS, *frames, who, 1, index, Lead(np.array(lead[:3]), np.array(lead[3:]), opening)
            )
        yield Event(at, what, now, said)
        if what == "action" and setup.lockstep:  # the pose of its stamp, sometimes after it
            yield Event(at, "pose", now, Pose(said.stamp, "panda_link0", place.copy(), np.array([1.0, 0.0, 0.0, 0.0])))


def watch(setup, sequence):
    """The witness of a sequence."""
    gate, witness = setup.gate(), Witness(setup)
    for event in events(setup, sequence):
        witness.see(event, feed(gate, event), gate.snapshot)
        if witness.broken:
            break
    return witness


@pytest.mark.parametrize("setup", SETUPS, ids=range(len(SETUPS)))
@settings(max_examples=100, deadline=None)
@given(sequence=st.lists(inputs(), min_size=5, max_size=40))
def test_no_sequence_of_inputs_breaks_a_promise(setup, sequence):
    assert watch(setup, sequence).broken == []


def test_such_sequences_move_the_arm_and_reach_most_reasons():
    """The property would hold for a gate that never moves; this one does, and meets what can go wrong."""
    seen, motions = set(), 0

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(sequence=st.lists(inputs(), min_size=20, max_size=40))
    def collect(sequence):
        nonlocal motions
        witness = watch(SETUPS[0], sequence)
        motions += witness.motions
        seen.update(witness.reasons)

    collect()
    assert motions > 100
    assert len(seen) > 20, seen
