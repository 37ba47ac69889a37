"""How instructions end, which bundles may be exchanged, and what is counted: the pure rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspire_msgs.action import ExecuteInstruction

from inspire_policy.action import ActionContract
from inspire_policy.bundle import BundleError, read_manifest
from inspire_policy.exchange import check_exchange
from inspire_policy.outcomes import Ending, Outcome, TimeLimit, judged
from inspire_policy.turns import Rate

SECOND = 10**9


def test_outcomes_have_the_numbers_of_the_action():
    for outcome in Outcome:
        assert getattr(ExecuteInstruction.Result, outcome.name) == outcome.value


def test_an_ending_reads_as_its_name_and_reason():
    assert str(judged(True, "the milk is in the bin")) == "judged_success: the milk is in the bin"
    assert str(judged(False, "")) == "judged_failure"
    assert str(Ending(Outcome.TIMED_OUT, "late")) == "timed_out: late"


@pytest.mark.parametrize("limit", [0, -SECOND])
def test_an_instruction_without_a_time_is_refused(limit):
    with pytest.raises(ValueError, match="max_duration: expected more than 0 s"):
        TimeLimit(limit)


def test_time_is_up_when_the_clock_has_run_for_as_long():
    limit = TimeLimit(2 * SECOND)
    assert limit.look(100 * SECOND) is None and limit.look(101 * SECOND) is None
    ending = limit.look(102 * SECOND)
    assert ending == Ending(Outcome.TIMED_OUT, "expected a judgement within 2 s, found none")


@settings(deadline=None)
@given(st.lists(st.integers(-5 * SECOND, 5 * SECOND), max_size=30), st.integers(1, 20 * SECOND))
def test_only_what_the_clock_runs_forward_counts(jumps, most):
    limit, now, forward = TimeLimit(most), 50 * SECOND, 0
    limit.look(now)
    for jump in jumps:
        now += jump
        forward += max(0, jump)
        assert (limit.look(now) is not None) == (forward >= most)


def test_a_bundle_that_the_arm_cannot_tell_apart_may_take_anothers_place(tiny):
    running = read_manifest(tiny)
    check_exchange(running, replace(running, name="other", chunk_length=4, horizon=2, known_objects=("cup",)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contract": ActionContract(control_rate_hz=10.0)}, "expected control_rate_hz 20.0, found 10.0"),
        ({"contract": ActionContract(frame="world")}, "expected frame panda_link0, found world"),
        ({"contract": ActionContract(max_translation=0.1)}, "expected max_translation 0.05, found 0.1"),
        ({"cameras": {"front": None}}, "expected cameras agentview, wrist, found front"),
        ({"bodies": ("libero_object",)}, "expected a body among tabletop, found libero_object"),
    ],
)
def test_another_contract_rate_cameras_or_body_is_refused(tiny, change, message):
    running = read_manifest(tiny)
    with pytest.raises(BundleError, match=message):
        check_exchange(running, replace(running, **change))


def test_a_rate_is_that_of_the_last_events_and_falls_while_nothing_comes():
    rate = Rate(size=20)
    assert rate.hertz(0.0) == 0.0
    for i in range(40):
        rate.add(i * 0.05)
    assert rate.full and rate.hertz(39 * 0.05 + 0.05) == pytest.approx(20.0)
    assert rate.hertz(39 * 0.05 + 10.0) < 2.0
    rate.restart()
    assert rate.hertz(100.0) == 0.0 and not rate.full
