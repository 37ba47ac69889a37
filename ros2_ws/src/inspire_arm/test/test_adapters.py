"""From limited leads to what each kind of controller is told: speed, frames, envelope, re-anchoring, holds."""

import math

import numpy as np
import pytest
from gate_inputs import CONTRACT, DOWN, action, counted, do, make, pose, see, tick
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_arm.adapters import CONTROLLERS, STIFF_POSE, TWIST, LeadLimits, make_adapter
from inspire_arm.adapters.twist import seen_from_tool
from inspire_arm.envelope import ROBOT, Limited
from inspire_arm.gripper import GripperRange
from inspire_arm.motion import Command, Twist
from inspire_policy.action import Lead
from inspire_policy.rotations import (
    quaternion_conjugate,
    quaternion_from_rotvec,
    quaternion_multiply,
    rotate,
    rotvec_from_quaternion,
)

GAIN, PERIOD = CONTRACT.lead_gain, CONTRACT.period
unit = st.floats(-1, 1)
vectors = st.tuples(unit, unit, unit).map(np.array)
HOME = np.array([0.5, 0.0, 0.35])


def limited(linear, angular, at=HOME):
    """A lead within every limit, for a twist in m/s and rad/s."""
    lead = Lead(np.array(linear) / GAIN, np.array(angular) / GAIN, 1.0)
    return Limited(lead, at + lead.translation, Twist(np.array(linear), np.array(angular)), ())


def turned(target, measured):
    return rotvec_from_quaternion(quaternion_multiply(target, quaternion_conjugate(measured)))


@settings(max_examples=60, deadline=None)
@given(
    linear=vectors.map(lambda v: 0.1 * v),
    angular=vectors.map(lambda v: 0.2 * v),
    times=st.lists(st.floats(0.001, 1.9 * PERIOD), min_size=1, max_size=30),
)
def test_a_stiff_target_moves_at_v_however_uneven_the_times_are(linear, angular, times):
    adapter = make_adapter(STIFF_POSE, ROBOT, CONTRACT)
    arm = pose(0, HOME)
    target = adapter.target(limited(linear, angular), arm, 0.0)  # the first step is one period, whatever came before
    start = target
    assert np.allclose(target.position, HOME + np.array(linear) * PERIOD)
    for dt in times:
        arm = pose(0, target.position, target.quaternion)  # an arm that follows
        target = adapter.target(limited(linear, angular, arm.position), arm, dt)
        assert target.clamps == ()
    seconds = sum(times)
    assert np.allclose(target.position, start.position + np.array(linear) * seconds)
    turn = quaternion_multiply(quaternion_from_rotvec(np.array(angular) * seconds), start.quaternion)
    assert np.allclose(turned(target.quaternion, turn), 0, atol=1e-9)
    assert math.isclose(math.hypot(*target.quaternion), 1.0, abs_tol=1e-12)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(vectors, vectors, st.floats(0, 10)), min_size=1, max_size=40))
def test_a_blocked_arm_keeps_the_stiff_target_within_max_lead_and_the_way_back_is_at_once(steps):
    limits = LeadLimits(0.03, 0.08)
    adapter = make_adapter(STIFF_POSE, ROBOT, CONTRACT, limits)
    arm = pose(0, HOME)
    for linear, angular, dt in steps:
        before = adapter.target(limited(0.14 * linear, 0.28 * angular), arm, dt)
        assert math.dist(before.position, HOME) <= limits.translation + 1e-12
        assert math.hypot(*turned(before.quaternion, DOWN)) <= limits.rotation + 1e-9
    target = adapter.target(limited((-0.1, 0, 0), (0, 0, 0)), arm, PERIOD)
    assert target.position[0] <= before.position[0] + 1e-12  # nothing has wound up


def test_a_stiff_target_that_was_taken_back_is_reported_and_moves_on_from_there():
    adapter = make_adapter(STIFF_POSE, ROBOT, CONTRACT, LeadLimits(0.02, 0.05))
    arm = pose(0, HOME)
    clamps = [adapter.target(limited((0.1, 0, 0), (0, 0, 0.4)), arm, PERIOD).clamps for _ in range(6)]
    assert clamps[0] == () and {name for name, _ in clamps[-1]} == {"arm_lags"}
    freed = pose(0, HOME + [0.02, 0, 0], quaternion_multiply(quaternion_from_rotvec(np.array([0, 0, 0.05])), DOWN))
    target = adapter.target(limited((0.1, 0, 0), (0, 0, 0)), freed, PERIOD)
    assert target.clamps == () and np.allclose(target.position - HOME, [0.02 + 0.1 * PERIOD, 0, 0])


def test_a_stiff_target_goes_on_from_a_hold_and_after_a_pause_by_one_period():
    adapter = make_adapter(STIFF_POSE, ROBOT, CONTRACT)
    hold = Command(0, HOME + [0.01, 0, 0], DOWN, None)
    adapter.remember(hold)
    target = adapter.target(limited((0.1, 0, 0), (0, 0, 0)), pose(0, HOME), 30.0)
    assert np.allclose(target.position, hold.position + [0.1 * PERIOD, 0, 0])
    adapter.forget()
    target = adapter.target(limited((0.1, 0, 0), (0, 0, 0)), pose(0, HOME), 30.0)
    assert np.allclose(target.position, HOME + [0.1 * PERIOD, 0, 0])


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_hold_never_drifts_though_the_arm_sags(controller):
    gate = make(envelope=ROBOT, adapter=make_adapter(controller, ROBOT, CONTRACT))
    see(gate, pose(0))
    moved = do(gate, action(0, translation=(0.01, 0, 0)))
    assert np.allclose(moved.twist.linear, [GAIN * 0.01, 0, 0])
    holds = []
    for t in range(10, 450, 10):
        see(gate, pose(t, (0.5, 0.0, 0.3 - 2e-5 * t)), t)
        holds.append(tick(gate, t))
    said = [hold for hold in holds if hold is not None]
    assert len(said) >= 6
    assert all(hold.position is said[0].position and not hold.twist.linear.any() for hold in said)
    assert np.array_equal(said[0].position, moved.position)


def test_an_arm_that_does_not_follow_is_a_fault_where_violations_stop():
    gate = make(adapter=make_adapter(STIFF_POSE, ROBOT, CONTRACT, LeadLimits(0.02, 0.05)), stop_on_violation=True)
    for t in range(0, 1000, 50):
        see(gate, pose(t), t)
        do(gate, action(t, translation=(0.02, 0, 0)), t)
    assert [reason.name for reason in gate.snapshot.latched] == ["arm_lags"] and "arm_lags" in counted(gate)


@settings(max_examples=60, deadline=None)
@given(linear=vectors, angular=vectors, turn=vectors.map(lambda v: 3 * v))
def test_a_twist_in_the_tool_frame_is_the_same_motion(linear, angular, turn):
    measured = quaternion_from_rotvec(turn)
    wanted = limited(linear, angular)
    target = make_adapter(TWIST, ROBOT, CONTRACT).target(wanted, pose(0, HOME, measured), PERIOD)
    told = seen_from_tool(Command(0, target.position, target.quaternion, None, wanted.twist), GAIN)
    assert np.allclose(rotate(measured, told.linear), linear) and np.allclose(rotate(measured, told.angular), angular)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_what_no_controller_can_follow_is_refused(wrong):
    with pytest.raises(ValueError, match="expected translation > 0"):
        LeadLimits(translation=wrong)
    with pytest.raises(ValueError, match="expected one of impedance_pose, stiff_pose, twist, found 'servo'"):
        make_adapter("servo", ROBOT, CONTRACT)
    with pytest.raises(ValueError, match="expected two different positions"):
        GripperRange(math.nan if math.isnan(wrong) else 0.0, 0.0)


@settings(deadline=None)
@given(opening=st.floats(0, 1), closed=st.floats(-1, 1), span=st.floats(0.01, 1), upward=st.booleans())
def test_openings_and_positions_map_both_ways_and_stop_at_the_ends(opening, closed, span, upward):
    mapping = GripperRange(closed, closed + (span if upward else -span))
    assert math.isclose(mapping.opening(mapping.position(opening)), opening, abs_tol=1e-9)
    assert mapping.position(-1.0) == closed and mapping.position(7.0) == mapping.closed + (
        mapping.open - mapping.closed
    )
    assert mapping.opening(mapping.open + (1 if upward else -1)) == 1.0
