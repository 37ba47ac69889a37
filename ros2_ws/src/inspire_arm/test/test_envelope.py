"""The envelope: properties that hold for any input, and each clamp by its name."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_arm.envelope import ROBOT, SIM, Envelope, Twist, limit
from inspire_policy.action import ActionContract, Lead, lead_from_osc

CONTRACT = ActionContract()
REST = Twist.zero()
any_number = st.floats(allow_nan=False, allow_infinity=False)
wide = st.floats(-20, 20)


def vectors(numbers):
    return st.tuples(numbers, numbers, numbers).map(np.array)


def within(bound):
    """Vectors whose norm is `bound` at most."""
    return vectors(st.floats(-1, 1)).map(lambda v: v * bound / max(1.0, math.sqrt(3)))


def limited(lead, position=(0.5, 0.0, 0.3), previous=REST, elapsed=0.05, envelope=ROBOT):
    return limit(
        lead, position=np.array(position), previous=previous, elapsed=elapsed, envelope=envelope, contract=CONTRACT
    )


@settings(max_examples=400, deadline=None)
@given(
    lead=st.builds(Lead, vectors(any_number), vectors(any_number), any_number),
    position=vectors(wide),
    linear=within(ROBOT.max_linear_speed),
    angular=within(ROBOT.max_angular_speed),
    elapsed=st.floats(-1, 10),
)
def test_no_lead_leaves_the_envelope(lead, position, linear, angular, elapsed):
    result = limited(lead, position, Twist(linear, angular), elapsed)
    low, high = np.array(ROBOT.workspace_low), np.array(ROBOT.workspace_high)
    assert result.lead.finite and np.isfinite(result.position).all()
    assert np.linalg.norm(result.twist.linear) <= ROBOT.max_linear_speed * (1 + 1e-9)
    assert np.linalg.norm(result.twist.angular) <= ROBOT.max_angular_speed * (1 + 1e-9)
    # From outside the box the target may only come closer.
    assert (result.position >= np.minimum(low, position)).all()
    assert (result.position <= np.maximum(high, position)).all()
    seconds = min(max(elapsed, 0.0), CONTRACT.period)
    change = np.linalg.norm(result.twist.angular - angular)
    assert change <= ROBOT.max_angular_change * seconds + 1e-9
    # Only the faces of the box may brake harder than the limit on the change.
    if "outside_workspace" not in dict(result.clamps):
        assert np.linalg.norm(result.twist.linear - linear) <= ROBOT.max_linear_change * seconds + 1e-9
    assert 0.0 <= result.lead.opening <= 1.0


@settings(max_examples=300, deadline=None)
@given(
    action=st.lists(st.floats(-1, 1), min_size=7, max_size=7),
    before=st.lists(st.floats(-1, 1), min_size=7, max_size=7),
    position=vectors(st.floats(-0.5, 0.9)),
)
def test_the_simulated_arm_clamps_no_action_within_the_contract(action, before, position):
    previous = lead_from_osc(np.array(before), CONTRACT)
    twist = Twist(CONTRACT.lead_gain * previous.translation, CONTRACT.lead_gain * previous.rotation)
    lead = lead_from_osc(np.array(action), CONTRACT)
    result = limited(lead, position, twist, 0.05, SIM)
    assert result.clamps == ()
    assert result.lead is lead  # bit for bit
    assert np.array_equal(result.position, position + lead.translation)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_largest_reversal_of_the_contract_is_not_clamped_in_sim(sign):
    corner = lead_from_osc(np.array([sign] * 7), CONTRACT)
    twist = Twist(-CONTRACT.lead_gain * corner.translation, -CONTRACT.lead_gain * corner.rotation)
    assert limited(corner, (0.4, 0.0, 0.1), twist, 0.05, SIM).clamps == ()


def test_each_clamp_is_reported_by_name():
    def names(*arguments, **keywords):
        return [name for name, _ in limited(*arguments, **keywords).clamps]

    slow = Lead(np.array([0.01, 0, 0]), np.zeros(3), 0.5)
    assert names(slow) == []
    assert names(
        Lead(np.array([0.2, 0, 0]), np.zeros(3), 0.5), previous=Twist(np.array([0.25, 0, 0]), np.zeros(3))
    ) == ["too_fast"]
    assert names(slow, previous=Twist(np.array([-0.2, 0, 0]), np.zeros(3))) == ["too_sudden"]
    assert names(slow, position=(0.745, 0, 0.3)) == ["outside_workspace"]
    assert names(Lead(np.zeros(3), np.zeros(3), 1.5)) == ["gripper_range"]
    assert "expected a linear speed of 0.25 m/s" in limited(Lead(np.ones(3), np.zeros(3), 0.5)).clamps[0][1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_linear_speed": 0.0}, "max_linear_speed > 0"),
        ({"max_action_age": math.nan}, "max_action_age > 0"),
        ({"workspace_low": (1.0, 0.0, 0.0)}, "workspace_low below workspace_high"),
        ({"workspace_high": (1.0, math.inf, 1.0)}, "3 finite numbers"),
    ],
)
def test_an_impossible_envelope_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Envelope(**changes)
