"""The stand-ins of real controllers: what their makers publish about time-outs, frames and refusals."""

import math

import numpy as np
import pytest
from gate_inputs import CONTRACT, DOWN

from inspire_arm.fakes import make_fake
from inspire_arm.fakes.body import Body
from inspire_arm.motion import Twist
from inspire_policy.rotations import quaternion_from_rotvec, rotate

START = (0.5, 0.0, 0.3)
MS = 1_000_000
BASE, TOOL = CONTRACT.frame, CONTRACT.tool_frame


def fake(kind):
    return make_fake(kind, Body(START), base_frame=BASE, tool_frame=TOOL)


def play(arm, milliseconds, start=0):
    """Steps of 5 ms."""
    for at in range(start, start + milliseconds, 5):
        arm.step(0.005, now=(at + 5) * MS)
    return arm.body.position - START


def twist(linear=(0.1, 0, 0), angular=(0, 0, 0)):
    return Twist(np.array(linear, dtype=float), np.array(angular, dtype=float))


def test_servo_moves_at_the_twist_and_stops_a_tenth_of_a_second_after_its_stamp():
    servo = fake("servo")
    servo.on_twist(twist(), frame=BASE, stamp=0)
    assert np.allclose(play(servo, 95), [0.0095, 0, 0])
    assert np.allclose(play(servo, 1000, 95), [0.0095, 0, 0]) and servo.body.ignored == {"stale": 1}
    servo.on_twist(twist(), frame=BASE, stamp=0)  # old when it comes
    assert np.allclose(play(servo, 100, 1095), [0.0095, 0, 0])


def test_servo_turns_a_twist_of_its_tool_frame_and_refuses_other_frames_and_nan():
    servo = fake("servo")
    servo.body.quaternion = turn = quaternion_from_rotvec(np.array([0.3, -1.0, 0.5]))
    servo.on_twist(twist((0, 0, 0.1)), frame=TOOL, stamp=0)
    assert np.allclose(play(servo, 50), rotate(turn, np.array([0, 0, 0.005])))
    for frame, linear in (("world", 0.1), ("", 0.1), (BASE, math.nan)):
        servo.on_twist(twist((linear, 0, 0)), frame=frame, stamp=0)
        servo.step(0.005, now=55 * MS)
    assert servo.body.ignored == {"unknown frame": 2, "not finite": 1}
    assert np.allclose(servo.body.position - START, rotate(turn, np.array([0, 0, 0.005])))


def test_fzi_goes_on_to_its_last_target_and_ignores_other_frames():
    arm = fake("fzi")
    assert np.allclose(play(arm, 500), 0)
    target = np.array(START) + [0.04, 0, 0]
    arm.on_pose(target, DOWN, frame=BASE, publishers=2)
    arm.on_pose(target + 1, DOWN, frame="world")
    arm.on_pose(target * math.nan, DOWN, frame=BASE)
    assert np.allclose(play(arm, 1000), [0.04, 0, 0], atol=1e-4)
    assert arm.body.ignored == {"wrong frame": 1, "not finite": 1}


def test_crisp_responds_in_first_order_at_the_gain_of_the_contract_and_is_deaf_to_two_publishers():
    arm = fake("crisp")
    turn = quaternion_from_rotvec(np.array([0, 0, 0.1]))
    arm.on_pose(np.array(START) + [0.04, 0, 0], turn, frame=BASE)
    moved = play(arm, 100)
    assert moved[0] == pytest.approx(0.04 * (1 - math.exp(-CONTRACT.lead_gain * 0.1)), rel=1e-6)
    arm.on_pose(np.array(START) - 1, DOWN, frame=BASE, publishers=2)
    assert play(arm, 2000, 100)[0] == pytest.approx(0.04, abs=1e-4)
    assert arm.body.ignored == {"more than one publisher": 1}


def test_crisp_told_measured_plus_lead_moves_at_the_gain_times_the_lead():
    arm, lead, seconds = fake("crisp"), np.array([0.02, 0, 0]), 1.0
    for at in range(0, int(seconds * 1000), 5):
        arm.on_pose(arm.body.position + lead, DOWN, frame=BASE)
        arm.step(0.005, now=at * MS)
    assert (arm.body.position - START)[0] == pytest.approx(CONTRACT.lead_gain * 0.02 * seconds, rel=0.02)


def test_an_unknown_fake_is_refused():
    with pytest.raises(ValueError, match="expected one of servo, fzi, crisp, found 'kuka'"):
        fake("kuka")
