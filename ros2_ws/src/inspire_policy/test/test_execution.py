"""Chunk execution, observation sets and the overlay: pure logic, driven by stamps."""

from __future__ import annotations

import numpy as np
import pytest

from inspire_policy.action import ActionContract, Lead
from inspire_policy.execution import ChunkExecutor
from inspire_policy.images import ImageGeometry
from inspire_policy.observations import ObservationError, ObservationSet
from inspire_policy.overlay import draw_overlay
from inspire_policy.programs.base import Answer

PERIOD = 50_000_000


def chunk(mark: float) -> list[Lead]:
    return [Lead(np.array([mark, i, 0.0]), np.zeros(3), 0.25) for i in range(8)]


def executor(*, lockstep: bool, horizon: int = 4) -> ChunkExecutor:
    return ChunkExecutor(contract=ActionContract(), chunk_length=8, horizon=horizon, lockstep=lockstep)


def place(step) -> tuple[float, float]:
    """(chunk, index) that a step's lead says it is."""
    return tuple(step.lead.translation[:2])


def test_lockstep_asks_every_horizon_steps_and_answers_each_observation_once():
    run = executor(lockstep=True)
    places, asked = [], []
    for t in range(10):
        decision = run.observe(t * PERIOD)
        if decision.ticket:
            asked.append(t)
            assert decision.step is None
            step = run.deliver(decision.ticket, chunk(len(asked)))
        else:
            step = decision.step
        assert step.stamp == t * PERIOD and step.observation_stamp == asked[-1] * PERIOD
        places.append(place(step))
    assert asked == [0, 4, 8] and run.underruns == 0
    assert places == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3), (3, 0), (3, 1)]


def test_repeated_observation_gets_the_same_step_or_nothing_while_computing():
    run = executor(lockstep=True)
    ticket = run.observe(0).ticket
    again = run.observe(0)
    assert again.repeat and again.step is None and again.ticket is None
    step = run.deliver(ticket, chunk(1))
    assert run.observe(0).step is step
    second = run.observe(PERIOD).step
    assert run.observe(PERIOD).step is second


@pytest.mark.parametrize("jump", [2 * PERIOD, 10**9, -PERIOD])
def test_gap_or_jump_back_drops_chunk_and_computation(jump):
    run = executor(lockstep=True)
    run.deliver(run.observe(10**10).ticket, chunk(1))
    assert run.observe(10**10 + jump).ticket is not None and run.gaps == 1
    stale = run.observe(2 * 10**10).ticket
    fresh = run.observe(3 * 10**10).ticket
    assert run.deliver(stale, chunk(8)) is None and not run.is_current(stale)
    assert place(run.deliver(fresh, chunk(9))) == (9, 0)


def test_a_gap_of_one_lost_frame_can_be_allowed():
    run = ChunkExecutor(contract=ActionContract(), chunk_length=8, horizon=4, lockstep=False, max_gap_periods=3.5)
    run.deliver(run.observe(0).ticket, chunk(1))
    assert place(run.observe(3 * PERIOD).step) == (1, 3)


def test_new_instruction_drops_everything():
    run = executor(lockstep=True)
    ticket = run.observe(0).ticket
    run.reset()
    assert run.deliver(ticket, chunk(1)) is None
    again = run.observe(0)  # the same observation counts as new for the new instruction
    assert again.ticket is not None and not again.repeat


def test_realtime_goes_on_beyond_the_horizon_and_enters_the_new_chunk_at_the_present():
    run = executor(lockstep=False)
    first = run.observe(0)
    assert first.step is None
    assert place(run.deliver(first.ticket, chunk(1))) == (1, 0)
    for t in (1, 2, 3):
        decision = run.observe(t * PERIOD)
        assert place(decision.step) == (1, t) and decision.ticket is None
    decision = run.observe(4 * PERIOD)
    assert place(decision.step) == (1, 4) and decision.ticket.stamp == 4 * PERIOD
    assert run.observe(5 * PERIOD).ticket is None, "one in flight"
    assert run.deliver(decision.ticket, chunk(2)) is None, "5 is answered already"
    step = run.observe(6 * PERIOD).step
    assert place(step) == (2, 2) and step.observation_stamp == 4 * PERIOD


def test_realtime_first_chunk_that_comes_late_answers_the_newest_observation():
    run = executor(lockstep=False)
    ticket = run.observe(0).ticket
    assert run.observe(PERIOD).step is None
    step = run.deliver(ticket, chunk(1))
    assert step.stamp == PERIOD and place(step) == (1, 1)


def test_underrun_holds_with_the_gripper_as_it_was_and_is_counted():
    run = executor(lockstep=False)
    run.deliver(run.observe(0).ticket, chunk(1))
    steps = [run.observe(t * PERIOD).step for t in range(1, 10)]
    assert [step.hold for step in steps] == [False] * 7 + [True] * 2 and run.underruns == 2
    assert not steps[-1].lead.translation.any() and steps[-1].lead.opening == 0.25
    assert steps[-1].observation_stamp == steps[-1].stamp == 9 * PERIOD


@pytest.mark.parametrize("horizon", [0, 9])
def test_horizon_outside_the_chunk_is_refused(horizon):
    with pytest.raises(ValueError, match="expected 1 to 8 steps"):
        executor(lockstep=True, horizon=horizon)


IMAGE = np.zeros((32, 32, 3), np.uint8)
POSE = (np.array([0.4, 0.0, 0.2]), np.array([0.0, 0.0, 0.0, 1.0]))


def fill(parts: ObservationSet, stamp: int, skip: str = ""):
    complete = None
    for camera in ("agentview", "wrist"):
        if camera != skip:
            complete = parts.put_image(camera, stamp, IMAGE) or complete
    if skip != "pose":
        complete = parts.put_pose(stamp, *POSE) or complete
    return (parts.put_gripper(stamp, 1.02) if skip != "gripper" else None) or complete


def test_images_of_another_aspect_are_refused_or_their_centre_is_taken():
    wide = np.zeros((48, 64, 3), np.uint8)
    geometry = {"agentview": ImageGeometry(16, 16)}
    with pytest.raises(ObservationError, match="bad_image: agentview: .*other_aspect"):
        ObservationSet(geometry).put_image("agentview", 1, wide)
    parts = ObservationSet(geometry, centre=True)
    assert parts.put_pose(1, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])) is None
    assert parts.put_gripper(1, 1.0) is None
    complete = parts.put_image("agentview", 1, wide)
    assert complete is not None and complete.images["agentview"].shape == (48, 48, 3)
    with pytest.raises(ObservationError, match="bad_image"):
        parts.put_image("agentview", 2, np.zeros((8, 64, 3), np.uint8))


def make_set() -> ObservationSet:
    return ObservationSet({"agentview": ImageGeometry(16, 16), "wrist": ImageGeometry(16, 16)})


def test_only_equal_stamps_make_an_observation():
    parts = make_set()
    assert parts.put_pose(1, *POSE) is None and parts.put_gripper(1, 0.5) is None
    assert parts.put_image("wrist", 1, IMAGE) is None and parts.put_image("agentview", 2, IMAGE) is None
    observation = parts.put_image("agentview", 1, IMAGE)
    assert observation.stamp == 1 and set(observation.images) == {"agentview", "wrist"}
    assert parts.put_pose(2, *POSE) is None and parts.put_gripper(2, 0.0) is None
    assert parts.put_image("wrist", 2, IMAGE).stamp == 2 and not parts.counts


def test_older_sets_are_dropped_and_counted_and_repeats_come_through():
    parts = make_set()
    assert fill(parts, 1, skip="wrist") is None
    assert fill(parts, 2).opening == 1.0
    assert parts.counts["incomplete"] == 1
    assert fill(parts, 2).stamp == 2, "sent again"
    for stamp in range(3, 20):
        assert fill(parts, stamp, skip="wrist") is None
    assert parts.missing == ("wrist",)
    assert parts.counts["incomplete"] == 1 + 13


def test_clock_jump_back_starts_anew():
    parts = make_set()
    fill(parts, 10**11)
    assert fill(parts, 5).stamp == 5 and parts.counts["clock_jump"] == 1


def test_unusable_parts_are_refused_by_name():
    parts = make_set()
    with pytest.raises(ObservationError, match="bad_image: wrist: image: expected at least 16x16 px .* found 64x32"):
        parts.put_image("wrist", 1, np.zeros((32, 64, 3), np.uint8))
    for pose in ((np.array([np.nan, 0, 0]), POSE[1]), (POSE[0], np.zeros(4)), (POSE[0], np.array([0, 0, 0, np.nan]))):
        with pytest.raises(ObservationError, match="bad_pose: expected finite"):
            parts.put_pose(1, *pose)
    with pytest.raises(ObservationError, match="bad_gripper"):
        parts.put_gripper(1, float("nan"))
    assert dict(parts.counts) == {"bad_image": 1, "bad_pose": 3, "bad_gripper": 1}


def test_overlay_shows_the_probabilities_it_is_given():
    words = ("right", "left", "up")
    images = {"agentview": IMAGE, "wrist": IMAGE}
    low = Answer("milk", "left", 2, (0.1, 0.2, 0.7))
    high = Answer("milk", "left", 2, (0.1, 0.9, 0.0))
    pictures = [draw_overlay(images, "pick up the milk", words, [answer]) for answer in (low, high)]
    assert pictures[0].shape == pictures[1].shape and pictures[0].shape[0] % 2 == 0 and pictures[0].shape[1] % 2 == 0

    def green(picture) -> int:
        return int((picture == (80, 200, 120)).all(axis=2).sum())

    assert green(pictures[1]) > green(pictures[0]) + 100
    taller = draw_overlay(images, "", words, [], rows=2)
    assert taller.shape[0] == pictures[0].shape[0] + 58
