"""Which answers a training frame is given as context, and what its chunk becomes where a given answer is obeyed.

An action that only ever sees right answers beside an image that says the same learns to ignore them. Two ways against
that: answers drawn at random while the chunk stays (it learns not to trust them blindly), and counterfactuals: a wrong
direction for the object that is being acted on, with a chunk that moves there, so that forcing an answer moves the arm.
"""

from __future__ import annotations

import numpy as np

from inspire_policy.directions import GRASPED_AXIS

CLEARLY_WRONG = 0.02  # m by which a direction's share of the offset falls short of the largest one
TIE = 0.01  # m, as in `inspire_policy.directions.is_tie`
SPEED = 0.6  # of the largest translation lead
_DIRECTIONS = np.array([-3, -2, -1, 1, 2, 3])


def clearly_wrong(axes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Whether objects clearly do not lie in the directions `axes` (n,), none of them 0; `offsets` (n, 3) to them, m."""
    component = np.sign(axes) * np.take_along_axis(offsets, np.abs(axes)[:, None] - 1, axis=1)[:, 0]
    return component < np.abs(offsets).max(axis=1) - CLEARLY_WRONG


def toss_up(axes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Whether answers are ties that noise decides: not grasped, the two largest components within TIE; (...,) of axes
    (...,) and offsets (..., 3), m.
    """
    largest = np.sort(np.abs(offsets), axis=-1)
    return (axes != GRASPED_AXIS) & (largest[..., 2] - largest[..., 1] < TIE)


def given_answers(
    axes: np.ndarray,
    offsets: np.ndarray,
    chunks: np.ndarray,
    rng: np.random.Generator,
    *,
    random: float,
    counterfactual: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The answers to feed and the chunks to learn.

    Args:
        axes: (B, K) right answers as signed axes -3..3, any other number where there is no object; the first object of
            a frame that is not grasped is the one acted on.
        offsets: (B, K, 3) object minus tool, m, in the frame of the axes.
        chunks: (B, chunk_length, 7) normalised rows, the translation in the same frame; opening last.
        random: share of the answers that are drawn at random, the chunk as it is; with counterfactuals not those of
            the object acted on.
        counterfactual: share of the frames whose object acted on is given a random direction; where that is clearly
            wrong (CLEARLY_WRONG) the chunk goes there at SPEED with the gripper as the task has it, elsewhere it
            stays.

    Returns:
        Axes (B, K) and chunks (B, chunk_length, 7); the arrays given stay as they are.
    """
    drawn = rng.random(axes.shape) < random
    given = np.where(drawn, rng.integers(-3, 4, axes.shape), axes)
    if counterfactual <= 0:
        return given, chunks
    frame = np.arange(len(axes))
    acted = np.argmax(axes != GRASPED_AXIS, axis=1)
    truth = axes[frame, acted]
    wrong = rng.choice(_DIRECTIONS, len(axes))
    told = (rng.random(len(axes)) < counterfactual) & (truth != GRASPED_AXIS) & (np.abs(truth) <= 3)
    given[frame, acted] = np.where(told, wrong, truth)
    obeyed = np.flatnonzero(told & clearly_wrong(wrong, offsets[frame, acted]))
    chunks = chunks.copy()
    chunks[obeyed, :, :6] = 0.0
    chunks[obeyed, :, np.abs(wrong[obeyed]) - 1] = SPEED * np.sign(wrong[obeyed])[:, None]
    chunks[obeyed, :, 6] = (acted[obeyed] == 0)[:, None]
    return given, chunks
