"""The witness of the fault matrix would tell: each promise is broken by hand between a sound gate and the witness."""

from dataclasses import replace

import numpy as np
import pytest

from inspire_arm.adapters import STIFF_POSE
from inspire_arm.envelope import ROBOT
from inspire_arm.faults.stream import COMMANDER, EPOCH, MS, Event, Setup, feed
from inspire_arm.faults.witness import Witness
from inspire_arm.keepout import Box
from inspire_arm.motion import Action, Pose, Twist
from inspire_arm.reasons import Reason
from inspire_arm.states import State
from inspire_policy.action import Lead

FREE = Setup(deadman=None)
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
PLACE, LEAD = np.array([0.45, 0.0, 0.35]), np.array([0.01, 0.0, 0.0])


def event(ms, what, data=None):
    return Event(ms * MS, what, EPOCH + ms * MS, data)


def pose(ms, place=PLACE):
    return event(ms, "pose", Pose(EPOCH + ms * MS, "panda_link0", np.array(place), DOWN))


def action(ms, lead=LEAD, **changed):
    stamp = EPOCH + ms * MS
    fields = {"commander_id": COMMANDER, "frame": "panda_link0", "tool_frame": "panda_grip_site"}
    data = Action(
        stamp=stamp, observation_stamp=stamp, chunk_id=1, index=0, lead=Lead(np.array(lead), np.zeros(3), 0.5), **fields
    )
    return event(ms, "action", replace(data, **changed))


MOVE = (event(0, "acquire", COMMANDER), event(1, "deadman", True), pose(10), action(20), pose(60), action(70))
HOLD = (*MOVE, event(80, "release", COMMANDER))


def told(script, tamper=lambda command, snapshot: (command, snapshot), *, setup=FREE, untold=(), seen=None):
    """What the witness says of a script whose last answer was tampered with.

    Args:
        untold: kinds of inputs that the witness is not told of. seen: what it is told instead of the last input.
    """
    gate, witness = setup.gate(), Witness(setup)
    for each in script:
        command, snapshot = feed(gate, each), gate.snapshot
        last = each is script[-1]
        if last:
            command, snapshot = tamper(command, snapshot)
        if each.what not in untold:
            witness.see(seen if last and seen is not None else each, command, snapshot)
    return witness.broken


def command(**changes):
    """Another command in place of the gate's; a function gives a value from the command's own."""
    return lambda given, snapshot: (
        replace(given, **{name: value(given) if callable(value) else value for name, value in changes.items()}),
        snapshot,
    )


def status(**changes):
    return lambda given, snapshot: (given, replace(snapshot, **changes))


def turned(linear=(0.053, 0.0, 0.0), angular=(0.0, 0.0, 0.0)):
    """A command along another twist that the measured pose explains."""
    twist = Twist(np.array(linear), np.array(angular))
    return command(twist=twist, position=PLACE + np.array(linear) / FREE.contract.lead_gain)


def faulty(*names):
    return tuple(Reason(name, "", 0, 1) for name in names)


def test_a_sound_gate_breaks_nothing():
    assert told(MOVE) == told(HOLD) == told((*HOLD, event(90, "tick"), event(160, "tick"))) == []


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (command(position=PLACE * np.nan), "a command that is not finite"),
        (command(quaternion=np.zeros(4)), "a command without an orientation"),
        (command(opening=1.5), "an opening of 1.5"),
        (command(position=PLACE), "a target that its twist and no measured pose explain"),
        (turned(linear=(0.5, 0.0, 0.0)), "a speed of 0.5 m/s"),
        (turned(angular=(0.0, 0.0, 0.9)), "a speed of 0.9 rad/s"),
        (turned(linear=(-0.2, 0.0, 0.0)), "a change of linear speed of 0."),
        (turned(angular=(0.0, 0.4, 0.0)), "a change of angular speed of 0.4"),
        (turned(linear=(0.05, 0.0, 0.0)), "a clamp without a report"),
        (command(quaternion=np.array([0.0, 1.0, 0.0, 0.0])), "an orientation 3.142 rad away"),
        (lambda given, snapshot: (None, snapshot), "an action was dropped without a reason"),
        (status(state=State.FAULT), "state FAULT with latched faults []"),
        (status(state=State.FAULT, latched=faulty("no_lease")), "a fault without a name, latched ['no_lease']"),
        (status(state=State.FAULT, latched=faulty("operator_stop")), "a fault left the lease"),
        (status(state=State.HOLDING), "a hold without a name"),
        (status(state=State.HOLDING), "a hold that moves"),
        (status(latched=faulty("operator_stop"), counts=faulty("too_fast")), "state MOVING with latched faults"),
    ],
)
def test_what_a_command_or_status_breaks_is_told(tamper, sentence):
    assert any(each.startswith(sentence) for each in told(MOVE, tamper)), told(MOVE, tamper)


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (action(70, lead=(np.nan, 0.0, 0.0)), "motion by an action that is not finite or of another frame"),
        (action(70, tool_frame="flange"), "motion by an action that is not finite or of another frame"),
        (action(70, commander_id="thief"), "motion by 'thief', the lease is held by 'policy'"),
        (action(70, stamp=EPOCH - 40 * MS), "motion by a action 0.110 s old"),
        (action(70, observation_stamp=EPOCH - 500 * MS), "motion by a observation 0.570 s old"),
        (action(70, observation_stamp=EPOCH + 300 * MS), "motion by a observation -0.230 s old"),
    ],
)
def test_motion_by_what_should_have_been_refused_is_told(seen, sentence):
    """The gate got a good action, the witness sees a bad one in its place."""
    assert COMMANDER == "policy" and sentence in told(MOVE, seen=seen)


def test_motion_without_the_deadman_or_past_a_limit_that_stops_is_told():
    assert "motion without the deadman" in told(MOVE, setup=Setup(), untold=("deadman",))
    stops = replace(FREE, stop_on_violation=True)
    assert "motion past a limit that stops" in told(MOVE, status(counts=faulty("too_fast")), setup=stops)


def test_motion_out_of_a_fault_and_faults_that_go_by_themselves_are_told():
    gate, witness = FREE.gate(), Witness(FREE)
    for each in MOVE:
        given, snapshot = feed(gate, each), gate.snapshot
        if each is MOVE[-2]:
            snapshot = replace(snapshot, state=State.FAULT, latched=faulty("operator_stop"), holder="")
        witness.see(each, given, snapshot)
    assert {"motion out of a fault", "faults went without a reset: ['operator_stop']"} <= set(witness.broken)


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (command(position=PLACE + 0.005), "neither the last target nor a measured pose"),
        (command(twist=Twist(LEAD, LEAD)), "a hold that moves"),
    ],
)
def test_what_a_hold_breaks_is_told(tamper, sentence):
    assert any(sentence in each for each in told(HOLD, tamper))


def test_a_hold_is_captured_once_said_again_and_of_what_was_commanded():
    held = (*HOLD, pose(90, PLACE + 0.001), event(140, "tick"))
    assert "a hold that was captured twice" in told(held, command(position=PLACE + 0.001))
    silent = (*HOLD, *(event(at, "tick") for at in (90, 140, 190)))
    gate, witness = FREE.gate(), Witness(FREE)
    for each in silent:
        given = feed(gate, each)
        witness.see(each, None if each.what == "tick" else given, gate.snapshot)
    assert any(each.startswith("a hold not said for 0.1") for each in witness.broken)
    assert "a hold before anything was commanded" in told(HOLD, untold=("action",))


def test_an_arm_that_goes_on_moving_without_what_it_needs_is_told():
    late = (*MOVE, event(200, "tick"))
    broken = told(late, lambda given, snapshot: (None, replace(snapshot, state=State.MOVING)))
    assert any(each.startswith("still moving 0.130 s after an action") for each in broken)
    assert any(each.startswith("still moving 0.140 s after a pose") for each in broken)


def test_a_dry_run_that_commands_or_says_that_it_moves_is_told():
    dry = replace(FREE, motion_enabled=False)
    gate = FREE.gate()
    sent = [feed(gate, each) for each in MOVE][-1]
    assert "a command with motion disabled" in told(MOVE, lambda given, snapshot: (sent, snapshot), setup=dry)
    assert "state MOVING with motion disabled" in told(MOVE, status(state=State.MOVING), setup=dry)


def test_a_reason_that_nobody_knows_is_told():
    assert told(MOVE, status(counts=faulty("bad_mood"))) == ["bad_mood is not in the registry"]


def test_targets_outside_the_workspace_or_on_a_way_through_a_box_are_told():
    small = replace(FREE, envelope=replace(ROBOT, workspace_high=(0.455, 0.45, 0.7)))
    assert any("outside the workspace" in each for each in told(MOVE, turned(), setup=small))
    box = replace(FREE, envelope=replace(ROBOT, keep_out=(Box((0.455, -0.1, 0.2), (0.5, 0.1, 0.5)),)))
    assert any("a way into a keep-out box" in each for each in told(MOVE, turned(), setup=box))


def test_a_stiff_target_that_leaps_is_told():
    stiff = replace(FREE, controller=STIFF_POSE)
    assert told(MOVE, setup=stiff) == []
    assert any("a step of" in each for each in told(MOVE, command(position=PLACE + 0.018), setup=stiff))
    far = command(position=PLACE + 0.5)
    assert "a target that its twist and no measured pose explain" in told(MOVE, far, setup=stiff)
