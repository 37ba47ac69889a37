"""What a frame answers in each question mode: the right answers, those that are fed, and the tokens of both.

In mode "direction" the answers are the axes of the labels, and those fed may be random or counterfactual. In the other
modes they follow from the offsets; a share of those fed is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.directions import GRASPED_AXIS, DirectionWords
from inspire_policy.question_modes import answer_text
from inspire_training.data.layouts import LayoutBatch


@dataclass(frozen=True)
class Said:
    """Answers (B, K) as places in the vocabulary, 0 where there is no object: the right ones, and those fed."""

    right: np.ndarray
    fed: np.ndarray


class Answering:
    """Answers in one question mode and vocabulary."""

    def __init__(self, mode: str, vocabulary: AnswerVocabulary, words: DirectionWords) -> None:
        self.mode, self._vocabulary, self._words = mode, vocabulary, words
        self.lengths = np.array([len(ids) for ids in vocabulary.ids])
        self._ids = np.zeros((len(vocabulary.texts), vocabulary.longest), dtype=np.int64)
        for row, ids in zip(self._ids, vocabulary.ids):
            row[: len(ids)] = ids
        self._of_axis = (
            np.array([vocabulary.number[words.word(axis)] for axis in range(-3, 4)])
            if mode == "direction"
            else np.zeros(7, dtype=np.int64)
        )

    def of_axes(self, axes: np.ndarray) -> np.ndarray:
        """Places of signed axes -3..3 in mode "direction"; any other number counts as the nearest of them."""
        return self._of_axis[np.clip(axes, -3, 3) + 3]

    def of_offsets(self, offsets: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Places (B, K) of the right answers about offsets (B, K, 3), m, with signed axes (B, K), 0 for grasped."""
        right = np.zeros(directions.shape, dtype=np.int64)
        for place in np.ndindex(*directions.shape):
            if abs(directions[place]) <= 3:
                held = directions[place] == GRASPED_AXIS
                right[place] = self._vocabulary.number[answer_text(self.mode, offsets[place], held, self._words)]
        return right

    def random(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Places of random answers."""
        return rng.integers(0, len(self.lengths), shape)

    def write(self, said: Said, layouts: LayoutBatch, token_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Write the answers fed into token_ids (B, T); the ids (B, A) that are right there, and where they are known:
        behind a token that is wrong there is no right one.
        """
        of, place = layouts.answer_of, layouts.answer_place
        fed = self._ids[np.take_along_axis(said.fed, of, axis=1), place]
        right_number = np.take_along_axis(said.right, of, axis=1)
        right = self._ids[right_number, place]
        item, column = np.nonzero(layouts.answer_mask)
        token_ids[item, layouts.answer_rows[item, column]] = fed[item, column]
        wrong = (fed != right) | (place >= self.lengths[right_number])
        known = layouts.answer_mask & (place < self.lengths[right_number])
        for number in range(1, of.shape[1]):
            behind_wrong = (of[:, number] == of[:, number - 1]) & wrong[:, number - 1]
            wrong[:, number] |= behind_wrong
            known[:, number] &= ~behind_wrong
        return right, known
