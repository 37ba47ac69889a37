"""Lockstep's turnstile and the commander's turns: each observation is answered once, whatever arrives twice or late."""

import numpy as np
import pytest

from inspire_policy.turns import Latencies, Turn, Turns
from inspire_sim.nodes.lockstep import RESEND_SECONDS, Turnstile

PERIOD = 50_000_000
POSE = (np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))


def asked(stamp: int = PERIOD, now: float = 0.0) -> Turnstile:
    turnstile = Turnstile(timeout=30.0)
    turnstile.ask(stamp, now)
    return turnstile


@pytest.mark.parametrize("pose_first", [True, False])
def test_a_command_passes_once_and_only_when_complete(pose_first):
    turnstile = asked()
    parts = [lambda: turnstile.pose(PERIOD, *POSE), lambda: turnstile.gripper(PERIOD, 0.25)]
    for part in parts if pose_first else reversed(parts):
        assert turnstile.take() is None
        part()
    target = turnstile.take()
    assert target is not None and target.opening == 0.25
    turnstile.pose(PERIOD, *POSE)
    turnstile.gripper(PERIOD, 0.25)
    assert turnstile.take() is None
    assert turnstile.ignored == 2


def test_parts_of_another_stamp_never_make_a_command():
    turnstile = asked(stamp=2 * PERIOD)
    turnstile.pose(PERIOD, *POSE)
    turnstile.gripper(2 * PERIOD, 1.0)
    assert turnstile.take() is None
    turnstile.ask(3 * PERIOD, 0.0)
    turnstile.pose(3 * PERIOD, *POSE)
    assert turnstile.take() is None, "the gripper command of an earlier observation must not count"


def test_an_unanswered_observation_is_sent_again_and_expires():
    turnstile = asked()
    assert not turnstile.resend_due(RESEND_SECONDS - 0.01)
    assert turnstile.resend_due(RESEND_SECONDS)
    assert not turnstile.resend_due(RESEND_SECONDS + 0.1)
    assert not turnstile.expired(30.0)
    assert turnstile.expired(30.1), "sending again is no answer"
    turnstile.close()
    assert not turnstile.expired(100.0) and not turnstile.resend_due(100.0)


def test_turns_of_a_commander():
    turns = Turns(0.05)
    assert turns.judge(PERIOD) is Turn.JUMP, "the first observation starts from nothing"
    turns.answered(PERIOD)
    assert turns.judge(PERIOD) is Turn.AGAIN
    assert turns.judge(2 * PERIOD) is Turn.NEW
    assert turns.judge(0) is Turn.OLD
    assert turns.judge(PERIOD + 3 * PERIOD // 2) is Turn.NEW
    assert turns.judge(PERIOD + 3 * PERIOD // 2 + 1) is Turn.JUMP
    assert turns.judge(PERIOD - 2 * PERIOD) is Turn.JUMP, "a restarted world"
    turns.forget()
    assert turns.judge(PERIOD) is Turn.JUMP


def test_latencies_forget_the_oldest():
    latencies = Latencies(size=3)
    assert latencies.percentile(50) == 0.0
    for value in (100.0, 1.0, 2.0, 3.0):
        latencies.add(value)
    assert latencies.percentile(50) == 2.0
