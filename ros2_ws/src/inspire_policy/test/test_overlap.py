"""Inference that overlaps motion: trimming by stamp, the seam's cross-fade, underruns, added latency, exchanged
bundles. For any timing of the inference the executor answers as it promises.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_policy.action import ActionContract, Lead
from inspire_policy.blending import cross_fade, new_share
from inspire_policy.execution import ChunkExecutor, Step, periods_of

PERIOD = 50_000_000


def chunk(mark: float, length: int = 8, opening: float = 0.25) -> list[Lead]:
    """A chunk whose leads say (mark, index)."""
    return [Lead(np.array([mark, i, 0.0]), np.zeros(3), opening) for i in range(length)]


def executor(*, length: int = 8, horizon: int = 4, lockstep: bool = True, **options) -> ChunkExecutor:
    return ChunkExecutor(contract=ActionContract(), chunk_length=length, horizon=horizon, lockstep=lockstep, **options)


def lockstep_run(run: ChunkExecutor, ticks: int, length: int = 8) -> tuple[list[Step], list[int]]:
    """The step of each observation and the observations that the model was asked about."""
    steps, asked = [], []
    for t in range(ticks):
        decision = run.observe(t * PERIOD, 0.75)
        if decision.ticket:
            asked.append(t)
            assert decision.step is None, "what is computed is waited for"
            steps.append(run.deliver(decision.ticket, chunk(len(asked), length)))
        else:
            steps.append(decision.step)
    return steps, asked


def places(steps: list[Step]) -> list[tuple[float, float]]:
    return [tuple(step.lead.translation[:2]) for step in steps]


def test_added_latency_cuts_the_front_of_each_chunk_and_executes_as_many_actions():
    steps, asked = lockstep_run(executor(added_latency=0.15), 15)
    assert asked == [0, 4, 8, 12]
    assert [step.hold for step in steps] == [True] * 3 + [False] * 12
    assert places(steps)[3:] == [(1, i) for i in (3, 4, 5, 6)] + [(2, i) for i in (3, 4, 5, 6)] + [
        (3, i) for i in (3, 4, 5, 6)
    ]
    assert all(step.stamp - step.observation_stamp == step.index * PERIOD for step in steps)
    assert [step.chunk_id for step in steps[:8]] == [0] * 3 + [1] * 4 + [2]


def test_before_the_first_chunk_the_arm_is_held_with_the_gripper_as_it_is_measured():
    run = executor(added_latency=0.1)
    steps, _ = lockstep_run(run, 2)
    assert all(not step.lead.translation.any() and step.lead.opening == 0.75 for step in steps)
    assert run.underruns == 0, "nothing has run dry yet"


def test_the_next_chunk_is_asked_for_early_enough_where_the_horizon_would_be_too_late():
    run = executor(length=16, horizon=12, added_latency=0.3)
    steps, asked = lockstep_run(run, 60, length=16)
    assert run.underruns == 0 and np.diff(asked).tolist() == [10] * (len(asked) - 1)
    assert not any(step.hold for step in steps[6:])


def test_a_chunk_too_short_for_the_latency_runs_dry_holds_is_counted_and_goes_on():
    run = executor(added_latency=0.3)
    steps, asked = lockstep_run(run, 24)
    assert asked == [0, 6, 12, 18] and run.underruns == 3 * 4
    assert places([step for step in steps if not step.hold]) == [(k, i) for k in (1, 2, 3) for i in (6, 7)]
    assert all(step.lead.opening == 0.25 for step in steps[8:] if step.hold)


def test_realtime_asks_earlier_once_inference_has_proved_slow():
    run = executor(horizon=8, lockstep=False)
    run.deliver(run.observe(0).ticket, chunk(1))
    asked: list[int] = []
    due: dict[int, object] = {}
    for t in range(1, 60):
        if t - 0.5 in due:  # three periods and a half after it was asked for, between two observations
            run.deliver(due.pop(t - 0.5), chunk(t))
        ticket = run.observe(t * PERIOD).ticket
        if ticket:
            asked.append(t)
            due[t + 3.5] = ticket
    assert asked[0] == 7, "nothing slow was seen yet"
    assert run.underruns == 3, "only the first time"
    assert np.diff(asked).tolist() == [4] * (len(asked) - 1)


def test_the_seam_is_a_cross_fade_of_what_both_chunks_have_for_the_same_moment():
    run = executor(lockstep=False, blend=3)
    run.deliver(run.observe(0).ticket, chunk(1.0, opening=0.0))
    for t in range(1, 4):
        assert run.observe(t * PERIOD).ticket is None
    run.deliver(run.observe(4 * PERIOD).ticket, chunk(5.0, opening=1.0))
    steps = [run.observe(t * PERIOD).step for t in (5, 6, 7, 8)]
    x, y = np.array([step.lead.translation[:2] for step in steps]).T
    assert x.tolist() == [2.0, 3.0, 4.0, 5.0], "a quarter, a half, three quarters, all of the new chunk"
    assert np.allclose(y, [0.75 * 5 + 0.25 * 1, 0.5 * 6 + 0.5 * 2, 0.25 * 7 + 0.75 * 3, 4])
    assert [step.lead.opening for step in steps] == [1.0] * 4 and [step.index for step in steps] == [1, 2, 3, 4]


def test_where_the_old_chunk_has_nothing_left_the_new_one_is_entered_as_it_is():
    steps, _ = lockstep_run(executor(added_latency=0.15, blend=4), 9)
    assert steps[6].index == 6 and places(steps)[6] == (1, 6)
    assert places(steps)[7] == (pytest.approx(1 + 0.2), pytest.approx(0.8 * 7 + 0.2 * 3)), "the old chunk's last action"
    assert places(steps)[8] == (2, 4)


def test_without_latency_lockstep_blends_nothing():
    plain, _ = lockstep_run(executor(), 30)
    blended, _ = lockstep_run(executor(blend=4), 30)
    assert places(plain) == places(blended)
    assert places(plain) == [(t // 4 + 1, t % 4) for t in range(30)]


def test_another_chunk_length_counts_from_the_next_request_on():
    run = executor()
    first = run.observe(0).ticket
    run.exchange(16, 10)
    assert run.deliver(first, chunk(1)).index == 0, "asked for before, of the old length"
    asked = [
        t for t in range(1, 12) if (ticket := run.observe(t * PERIOD).ticket) and run.deliver(ticket, chunk(t, 16))
    ]
    assert asked == [8], "the old chunk goes on as far as it reaches"
    with pytest.raises(ValueError, match="expected 1 to 4 steps"):
        run.exchange(4, 5)


@pytest.mark.parametrize(
    ("seconds", "periods"), [(0.0, 0), (0.15, 3), (0.15 + 1e-12, 3), (0.151, 4), (0.01, 1), (0.3, 6)]
)
def test_seconds_are_counted_in_whole_periods_rounded_up(seconds, periods):
    assert periods_of(seconds, 0.05) == periods


@settings(max_examples=50, deadline=None)
@given(
    length=st.integers(2, 20),
    horizon=st.integers(1, 20),
    blend=st.integers(0, 6),
    lockstep=st.booleans(),
    latency=st.integers(0, 8),
    delays=st.lists(st.integers(0, 12), min_size=1, max_size=20),
    gaps=st.sets(st.integers(1, 39), max_size=3),
)
def test_every_answer_belongs_to_the_present_whatever_inference_takes(
    length, horizon, blend, lockstep, latency, delays, gaps
):
    """Stamps are answered once; a lead lies between what the two chunks have for that moment; holds go nowhere."""
    horizon = min(horizon, length)
    run = executor(
        length=length, horizon=horizon, lockstep=lockstep, blend=blend, added_latency=0.05 * latency * lockstep
    )
    now, asked, pending = 0, 0, None
    answered: dict[int, Step] = {}

    def check(step: Step) -> None:
        assert step.stamp == now and now not in answered
        answered[now] = step
        if step.hold:
            assert not step.lead.translation.any() and not step.lead.rotation.any()
        else:
            assert 0 <= step.index < length and step.observation_stamp + step.index * PERIOD == now
            assert step.lead.translation[0] == pytest.approx(now / PERIOD), "planned for this very moment"
        assert run.observe(now).step is step, "the same again"

    for t in range(40):
        if pending is not None and pending[1] < t:
            late = run.deliver(pending[0], chunk_of_time(pending[0].stamp, length))
            pending = None
            if late is not None:
                check(late)
        now += PERIOD * (10 if t in gaps else 1)
        decision = run.observe(now, 0.5)
        step = decision.step
        if decision.ticket is not None:
            assert decision.ticket.length == length
            if lockstep:
                step = run.deliver(decision.ticket, chunk_of_time(now, length))
            else:
                pending = (decision.ticket, t + delays[asked % len(delays)])
            asked += 1
        if lockstep:
            assert step is not None, "a world that waits is always answered"
        if step is not None:
            check(step)


def chunk_of_time(stamp: int, length: int) -> list[Lead]:
    """A chunk whose leads say for which period they were planned: blending two of them must change nothing."""
    return [Lead(np.array([stamp / PERIOD + i, 0.0, 0.0]), np.zeros(3), 0.5) for i in range(length)]


@settings(deadline=None)
@given(st.integers(0, 10), st.integers(0, 10))
def test_shares_of_the_new_chunk_rise_from_above_nothing_to_all(step, steps):
    assert 0 < new_share(step, steps) <= 1 and new_share(steps, steps) == 1
    assert new_share(step, steps) <= new_share(step + 1, steps)


@settings(deadline=None)
@given(st.floats(0, 1), st.lists(st.floats(-0.5, 0.5), min_size=12, max_size=12))
def test_a_cross_fade_never_leaves_what_lies_between_both(share, numbers):
    old, new = Lead(numbers[:3], numbers[3:6], 0.0), Lead(numbers[6:9], numbers[9:], 1.0)
    mixed = cross_fade(old, new, share)
    for name in ("translation", "rotation"):
        a, b, c = getattr(old, name), getattr(new, name), getattr(mixed, name)
        assert (c >= np.minimum(a, b) - 1e-12).all() and (c <= np.maximum(a, b) + 1e-12).all()
    assert mixed.opening == 1.0


def plan(position: np.ndarray, goal: np.ndarray, share: float, length: int = 8) -> list[Lead]:
    """The leads of a model that knows how the arm follows: each period goes `share` of what is left."""
    left = goal - position
    return [Lead(left * (1 - share) ** i, np.zeros(3), 0.5) for i in range(length)]


def follow(run: ChunkExecutor, goals: list[np.ndarray], share: float) -> tuple[list[np.ndarray], list[Step]]:
    """Where an arm goes that moves `share` of each lead in a period, and the steps it was given."""
    position, places, steps = np.zeros(3), [], []
    for t, goal in enumerate(goals):
        decision = run.observe(t * PERIOD, 0.5)
        step = decision.step
        if decision.ticket:
            step = run.deliver(decision.ticket, plan(position, goal, share))
        places.append(position)
        steps.append(step)
        position = position + share * step.lead.translation
    return places, steps


GOALS = st.lists(st.lists(st.floats(-0.04, 0.04), min_size=3, max_size=3).map(np.array), min_size=2, max_size=6)


@settings(max_examples=50, deadline=None)
@given(GOALS, st.integers(1, 4), st.integers(0, 3))
def test_what_was_done_instead_of_a_chunk_is_made_up_for(goals, latency, blend):
    """Goals that jump: the arm is never further from a chunk's way than when it was entered, and ends at the goal."""
    contract = ActionContract()
    share = contract.lead_gain * contract.period
    run = executor(added_latency=0.05 * latency, blend=blend, catch_up=True)
    places, steps = follow(run, [goal for goal in goals for _ in range(24)], share)
    for i, goal in enumerate(goals):
        assert np.abs(places[24 * i + 23] - goal).max() < 0.004
    for t, step in enumerate(steps[:-1]):
        assert np.abs(step.lead.translation).max() <= contract.max_translation
        if step.hold or step.index == 0:
            continue
        way = plan(places[t - step.index], goals[(t - step.index) // 24], share)
        planned = places[t - step.index] + share * sum(lead.translation for lead in way[: step.index])
        if steps[t + 1].chunk_id == step.chunk_id and not steps[t + 1].hold and run is not None and blend == 0:
            after = planned + share * way[step.index].translation
            before, now = np.abs(places[t] - planned), np.abs(places[t + 1] - after)
            within = np.abs(step.lead.translation) < contract.max_translation
            assert (now[within] <= (1 - share) * before[within] + 1e-9).all(), "the difference closes"


def test_catching_up_changes_nothing_where_nothing_overlaps():
    leads = plan(np.zeros(3), np.array([0.03, -0.02, 0.01]), 0.265)
    run = executor(catch_up=True, blend=2)
    for t in range(12):
        decision = run.observe(t * PERIOD)
        step = run.deliver(decision.ticket, leads) if decision.ticket else decision.step
        assert step.lead is leads[t % 4]
