"""Answers against measured motion and measured objects: what disagrees, for how long, and what says nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_policy.agreement import AgreementMonitor, AgreementSettings, Answer, State, cosine
from inspire_policy.directions import REP103, direction_axis

PERIOD = 50_000_000
MILK = "milk"


def answer(word: str, name: str = MILK) -> Answer:
    return Answer(name, word, REP103.axis_of[word])


def watch(monitor: AgreementMonitor, words, velocity, *, objects=None, seconds: float = 3.0, start=(0.5, 0.0, 0.3)):
    """A hand at a constant velocity, m/s, asked every 0.2 s; `words(t)` gives the answers. All verdicts."""
    found = []
    for step in range(round(seconds / 0.05)):
        stamp, at = step * PERIOD, step * 0.05
        place = np.array(start) + at * np.array(velocity)
        if objects is not None:
            monitor.put_object(stamp, MILK, np.array(objects))
        if step % 4 == 0:
            monitor.put_answers(stamp, words(at))
        found += monitor.put_pose(stamp, place)
    return found


def test_a_hand_that_goes_where_the_answer_points_agrees():
    found = watch(AgreementMonitor(), lambda at: [answer("left")], (0.0, 0.1, 0.0))
    assert found and all(v.state is State.AGREES and v.evidence == 0 for v in found)
    assert found[0].motion_cosine == pytest.approx(1.0) and math.isnan(found[0].geometry_cosine)


def test_the_opposite_way_disagrees_and_becomes_persistent():
    monitor = AgreementMonitor(AgreementSettings(persistence=1.0))
    found = watch(monitor, lambda at: [answer("left")], (0.0, -0.1, 0.0))
    assert found[0].state is State.DISAGREES
    first = next(v for v in found if v.state is State.PERSISTENT)
    assert first.stamp == round(1.0e9) and monitor.warned


def test_across_is_no_disagreement_since_a_hand_goes_above_an_object_first():
    found = watch(AgreementMonitor(), lambda at: [answer("down")], (0.1, 0.0, -0.01))
    assert {v.state for v in found} == {State.AGREES}


def test_a_hand_that_stands_still_says_nothing():
    found = watch(AgreementMonitor(), lambda at: [answer("left")], (0.0, 0.001, 0.0))
    assert {v.state for v in found} == {State.UNKNOWN} and all(math.isnan(v.motion_cosine) for v in found)


def test_the_motion_is_that_of_the_first_object_that_is_not_grasped():
    monitor = AgreementMonitor()
    found = watch(monitor, lambda at: [answer("grasped"), answer("left", "bin")], (0.0, -0.1, 0.0))
    milk, bin_ = ([v for v in found if v.answer.object == name] for name in (MILK, "bin"))
    assert {v.state for v in milk} == {State.UNKNOWN}
    assert bin_[0].state is State.DISAGREES and monitor.warned


def test_a_measured_object_elsewhere_disagrees_though_the_motion_follows_the_answer():
    monitor = AgreementMonitor()
    found = watch(monitor, lambda at: [answer("left")], (0.0, 0.05, 0.0), objects=(0.5, -0.3, 0.3))
    assert found[0].motion_cosine == pytest.approx(1.0) and found[0].geometry_cosine == pytest.approx(-1.0)
    assert monitor.warned


def test_an_object_that_is_said_to_be_grasped_must_be_at_the_tool():
    for place, states in (((0.5, 0.0, 0.28), {State.UNKNOWN}), ((0.7, 0.0, 0.02), {State.DISAGREES, State.PERSISTENT})):
        found = watch(AgreementMonitor(), lambda at: [answer("grasped")], (0.0, 0.0, 0.0), objects=place)
        assert {v.state for v in found} == states


def test_a_grasp_taken_back_again_and_again_never_was():
    monitor = AgreementMonitor(AgreementSettings(taken_back=2))
    words = ("grasped", "grasped", "down", "down")  # one every 0.2 s
    found = watch(monitor, lambda at: [answer(words[round(at / 0.2) % 4])], (0.0, 0.0, -0.1))
    assert [v.taken_back for v in found[:12]] == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert next(v.stamp for v in found if v.state is State.PERSISTENT) == 2_000_000_000
    assert {v.state for v in found[:10]} == {State.AGREES, State.UNKNOWN}


def test_agreement_wears_disagreement_off():
    monitor = AgreementMonitor(AgreementSettings(persistence=1.0))
    words = lambda at: [answer("left" if at % 0.8 < 0.5 else "right")]  # noqa: E731 - 3 agree, 1 disagrees
    assert max(v.evidence for v in watch(monitor, words, (0.0, 0.1, 0.0))) < 0.5 and not monitor.warned


def test_another_instruction_and_a_time_that_runs_back_begin_anew():
    monitor = AgreementMonitor(AgreementSettings(persistence=0.5))
    watch(monitor, lambda at: [answer("left")], (0.0, -0.1, 0.0))
    assert monitor.warned
    monitor.put_pose(-10 * 1_000_000_000, np.zeros(3))
    assert not monitor.warned
    watch(monitor, lambda at: [answer("left")], (0.0, -0.1, 0.0))
    monitor.forget()
    assert not monitor.warned


def test_what_is_measured_too_late_or_not_finite_is_not_compared():
    monitor = AgreementMonitor()
    monitor.put_object(0, MILK, np.array([0.5, -0.3, 0.3]))
    found = watch(monitor, lambda at: [answer("left")], (0.0, 0.1, 0.0))
    assert math.isnan(found[-1].geometry_cosine) and not math.isnan(found[0].geometry_cosine)
    monitor.put_object(10**12, MILK, np.array([math.nan, 0.0, 0.0]))
    monitor.put_answers(10**12, [answer("left")])
    monitor.put_pose(10**12, np.full(3, math.nan))
    assert all(math.isnan(v.geometry_cosine) for v in monitor.put_pose(10**12 + 10**9, np.zeros(3)))


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array))
@settings(max_examples=200, deadline=None)
def test_a_right_answer_never_disagrees_with_the_way_to_the_object(way):
    if np.linalg.norm(way) > 0.03:
        assert cosine(direction_axis(way, False), way, 0.03) >= 1 / math.sqrt(3) - 1e-9


@pytest.mark.parametrize(
    "wrong", [{"window": 0.0}, {"taken_back": -1}, {"persistence": math.nan}, {"motion_threshold": -1.5}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="agreement: expected .* found"):
        AgreementSettings(**wrong)
