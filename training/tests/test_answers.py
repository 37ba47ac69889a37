"""The answers that training feeds, and the chunks that obey them."""

import numpy as np

from inspire_training.data.answers import CLEARLY_WRONG, SPEED, given_answers

COUNT = 4000


def _frames(rng):
    offsets = rng.uniform(-0.3, 0.3, (COUNT, 2, 3))
    largest = np.abs(offsets).argmax(-1)
    axes = (largest + 1) * np.sign(np.take_along_axis(offsets, largest[..., None], -1)[..., 0]).astype(int)
    axes[::3, 0] = 0  # grasped: the second object is acted on
    return axes, offsets, rng.uniform(-1, 1, (COUNT, 8, 7))


def test_without_counterfactuals_chunks_stay_and_the_share_of_random_answers_is_as_told():
    rng = np.random.default_rng(0)
    axes, offsets, chunks = _frames(rng)
    given, same = given_answers(axes, offsets, chunks, rng, random=0.2, counterfactual=0.0)
    assert np.array_equal(same, chunks)
    assert abs((given != axes).mean() - 0.2 * 6 / 7) < 0.02


def test_a_clearly_wrong_direction_is_obeyed_and_nothing_else_changes():
    rng = np.random.default_rng(1)
    axes, offsets, chunks = _frames(rng)
    given, obeying = given_answers(axes, offsets, chunks, rng, random=0.0, counterfactual=0.5)
    acted = (axes[:, 0] == 0).astype(int)
    frame = np.arange(COUNT)
    assert np.array_equal(given[frame, 1 - acted], axes[frame, 1 - acted]), "only the object acted on is misled"
    told = given[frame, acted]
    offset = offsets[frame, acted]
    gap = np.abs(offset).max(1) - np.sign(told) * offset[frame, np.abs(told) - 1]
    changed = (obeying != chunks).any((1, 2))
    assert np.array_equal(changed, gap > CLEARLY_WRONG)
    assert 0.3 < changed.mean() < 0.5
    moved = obeying[changed]
    assert np.array_equal(np.abs(moved[:, :, :6]).sum(-1), np.full(moved.shape[:2], SPEED))
    along = np.take_along_axis(moved[:, 0], np.abs(told[changed])[:, None] - 1, 1)[:, 0]
    assert np.array_equal(np.sign(along), np.sign(told[changed]))
    assert np.array_equal(moved[:, 0, 6], (acted[changed] == 0).astype(float)), "open before the grasp, closed after"


def test_frames_with_nothing_left_to_act_on_and_empty_places_are_left_alone():
    rng = np.random.default_rng(2)
    axes = np.array([[0, 0], [0, -128]] * 200)
    offsets, chunks = np.zeros((400, 2, 3)), np.ones((400, 8, 7))
    given, same = given_answers(axes, offsets, chunks, rng, random=0.0, counterfactual=1.0)
    assert np.array_equal(given, axes) and np.array_equal(same, chunks)
