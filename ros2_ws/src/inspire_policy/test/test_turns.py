"""Whose turn it is, latencies and rates."""

import pytest

from inspire_policy.turns import Latencies, Rate, Turn, Turns

PERIOD = 50_000_000


def test_an_observation_is_answered_once_repeated_and_after_a_gap_begins_anew():
    turns = Turns(0.05)
    assert turns.judge(10 * PERIOD) is Turn.JUMP
    turns.answered(10 * PERIOD)
    assert turns.judge(10 * PERIOD) is Turn.AGAIN
    assert turns.judge(11 * PERIOD) is Turn.NEW and turns.judge(9 * PERIOD) is Turn.OLD
    assert turns.judge(12 * PERIOD) is Turn.JUMP and turns.judge(0) is Turn.JUMP, "lost ones, and a restarted world"
    turns.forget()
    assert turns.judge(11 * PERIOD) is Turn.JUMP


def test_latencies_are_those_of_late_and_zero_before_the_first():
    latencies = Latencies(size=3)
    assert latencies.percentile(95) == 0.0
    for seconds in (9.0, 0.1, 0.2, 0.3):
        latencies.add(seconds)
    assert latencies.percentile(50) == pytest.approx(0.2) and latencies.percentile(100) == pytest.approx(0.3)


def test_a_rate_falls_while_nothing_comes():
    rate = Rate(size=4)
    rate.add(0.0)
    assert rate.hertz(1.0) == 0.0
    for at in (0.1, 0.2, 0.3):
        rate.add(at)
    assert rate.full and rate.hertz(0.4) == pytest.approx(10.0) and rate.hertz(4.0) == pytest.approx(1.0)
    rate.restart()
    assert rate.hertz(4.0) == 0.0 and not rate.full
