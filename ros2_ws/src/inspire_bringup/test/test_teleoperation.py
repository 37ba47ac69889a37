"""From keys and joystick axes to leads: within the contract, nothing without the deadman, one action per period."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_bringup.teleoperation.jog import FINGER_TIME, Jog, Operator
from inspire_bringup.teleoperation.joystick import Button, Joystick, Mapping
from inspire_bringup.teleoperation.keyboard import HOLD, Key, Keyboard
from inspire_bringup.teleoperation.pace import Pace
from inspire_policy.action import ActionContract

CONTRACT = ActionContract()
MS = 1_000_000


@pytest.mark.parametrize(
    ("key", "axis", "sign"),
    [("w", 0, 1), ("s", 0, -1), ("a", 1, 1), ("d", 1, -1), ("r", 2, 1), ("f", 2, -1), ("\x1b[A", 0, 1), ("W", 0, 1)],
)
def test_a_key_moves_along_its_axis_of_the_base(key, axis, sign):
    keyboard = Keyboard()
    assert keyboard.feed(key, 0.0) == []
    lead = Operator(CONTRACT, speed=1.0).lead(keyboard.jog(0.0))
    assert lead.translation[axis] == sign * CONTRACT.max_translation
    assert np.count_nonzero(lead.translation) == 1
    assert not lead.rotation.any()


@pytest.mark.parametrize(("key", "axis", "sign"), [("u", 0, 1), ("k", 1, -1), ("j", 2, 1), ("l", 2, -1)])
def test_a_key_turns_about_its_axis(key, axis, sign):
    keyboard = Keyboard()
    keyboard.feed(key, 0.0)
    lead = Operator(CONTRACT, speed=0.5).lead(keyboard.jog(0.0))
    assert lead.rotation[axis] == sign * 0.5 * CONTRACT.max_rotation
    assert not lead.translation.any()


def test_a_key_is_held_while_it_repeats_and_let_go_after_that():
    keyboard = Keyboard()
    for i in range(5):
        keyboard.feed("w", 0.03 * i)
    assert keyboard.jog(0.12 + HOLD).moving
    assert not keyboard.jog(0.12 + HOLD + 0.01).deadman


def test_keys_that_oppose_each_other_stand_still_and_the_deadman_is_held():
    keyboard = Keyboard()
    keyboard.feed("wsh", 0.0)
    jog = keyboard.jog(0.0)
    assert jog.deadman
    assert not jog.moving


def test_keys_that_mean_something_once():
    assert Keyboard().feed(" +-\r\n\x7fxyz\x1b[C", 0.0) == [
        *(Key.GRIPPER, Key.FASTER, Key.SLOWER, Key.SUCCESS, Key.SUCCESS, Key.FAILURE)
    ]


PAD = Mapping()


def joy(axes=(), buttons=()):
    values, down = [0.0] * 8, [0] * 11
    for index, value in axes:
        values[index] = value
    for index in buttons:
        down[index] = 1
    return values, down


def test_a_joystick_moves_only_while_its_deadman_is_held():
    stick = Joystick()
    stick.feed(*joy([(PAD.axes[0], 1.0)]), 0.0)
    assert not stick.jog(0.0).moving
    stick.feed(*joy([(PAD.axes[0], 1.0)], [PAD.deadman]), 0.1)
    assert stick.jog(0.1).translation == pytest.approx([1.0, 0.0, 0.0])
    stick.feed(*joy([(PAD.axes[0], 1.0)]), 0.2)
    assert not stick.jog(0.2).moving


def test_a_joystick_that_falls_silent_is_let_go():
    stick = Joystick()
    stick.feed(*joy([(PAD.axes[1], -1.0)], [PAD.deadman]), 0.0)
    assert stick.jog(PAD.timeout).moving
    assert not stick.jog(PAD.timeout + 0.01).deadman


def test_rest_is_rest_and_the_way_beyond_it_is_even():
    stick = Joystick()
    for value, expected in ((0.09, 0.0), (0.55, 0.5), (-1.0, -1.0)):
        stick.feed(*joy([(PAD.axes[2], value)], [PAD.deadman]), 0.0)
        assert stick.jog(0.0).translation[2] == pytest.approx(expected)


def test_axes_may_be_reversed_missing_or_not_a_number():
    stick = Joystick(Mapping(axes=(0, 1, 2, -1, -1, 40), signs=(-1, 1, 1, 1, 1, 1)))
    stick.feed([0.55, float("nan"), 0.0], [0] * 4 + [1], 0.0)
    assert stick.jog(0.0).translation == pytest.approx([-0.5, 0.0, 0.0])
    assert not stick.jog(0.0).rotation.any()


def test_a_button_counts_when_it_is_pressed_not_while_it_is_held():
    stick = Joystick()
    assert stick.feed(*joy((), [PAD.gripper]), 0.0) == [Button.GRIPPER]
    assert stick.feed(*joy((), [PAD.gripper, PAD.success]), 0.1) == [Button.SUCCESS]
    assert stick.feed(*joy(), 0.2) == []
    assert stick.feed(*joy((), [PAD.failure, PAD.gripper]), 0.3) == [Button.FAILURE, Button.GRIPPER]


def test_a_mapping_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match="expected 6 axes"):
        Mapping(axes=(0, 1))


def test_the_gripper_stays_as_it_was_found_until_it_is_asked_to_change():
    operator = Operator(CONTRACT)
    for measured, opening in ((0.98, 1.0), (0.3, 0.0)):
        operator.begin(measured)
        assert operator.lead(Jog()).opening == opening
    operator.toggle_gripper()
    assert operator.lead(Jog()).opening == 1.0


def test_time_passes_while_the_operator_holds_on_or_the_fingers_move():
    operator = Operator(CONTRACT)
    assert operator.busy(Jog(deadman=True))
    assert not operator.busy(Jog(np.array([0.1, 0.0, 0.0])))
    operator.toggle_gripper()
    periods = 0
    while operator.busy(Jog()):
        operator.lead(Jog())
        periods += 1
    assert periods * CONTRACT.period == pytest.approx(FINGER_TIME)


numbers = st.floats(allow_nan=False, width=32)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)


@settings(deadline=None)
@given(vectors, vectors, st.booleans(), st.lists(st.floats(0.1, 10.0), max_size=9))
def test_no_lead_is_ever_beyond_the_contract_and_none_moves_without_the_deadman(t, r, deadman, factors):
    operator = Operator(CONTRACT)
    for factor in factors:
        operator.scale_speed(factor)
    lead = operator.lead(Jog(t, r, deadman))
    assert lead.finite
    assert np.abs(lead.translation).max() <= CONTRACT.max_translation
    assert np.abs(lead.rotation).max() <= CONTRACT.max_rotation
    assert 0.0 <= lead.opening <= 1.0
    assert deadman or not (lead.translation.any() or lead.rotation.any())


@pytest.mark.parametrize("rate", [20, 30, 100, 1000])
def test_in_real_time_there_is_one_action_per_period_however_fast_the_arm_speaks(rate):
    pace = Pace(0.05, lockstep=False)
    acted = []
    for i in range(rate * 2):
        stamp = round(i * 1e9 / rate)
        if pace.due(stamp, now=i / rate, busy=False):
            pace.answered(stamp, now=i / rate)
            acted.append(stamp)
    periods = np.diff(acted) * 1e-9
    assert periods.min() >= 0.045
    assert periods.max() <= 0.05 + 1 / rate


def test_a_body_whose_time_went_back_is_answered():
    pace = Pace(0.05, lockstep=False)
    pace.answered(1000 * MS, now=0.0)
    assert pace.due(10 * MS, now=0.0, busy=False)


def test_in_lockstep_the_world_waits_for_the_operator_and_goes_no_faster_than_real():
    pace = Pace(0.05, lockstep=True)
    assert not pace.due(0, now=0.0, busy=False)
    assert pace.due(0, now=0.0, busy=True)
    pace.answered(0, now=0.0)
    assert not pace.due(50 * MS, now=0.01, busy=True)
    assert pace.due(50 * MS, now=0.05, busy=True)
