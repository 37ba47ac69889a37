"""What a right answer is, in each question mode: judges compare every answer with the labels of its own mode.

A direction is compared by its signed axis, so that bundles with other words for the same axes are judged alike; the
answers of the other modes are compared as texts, in the bundle's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspire_policy.directions import REP103, DirectionWords, direction_axis, is_tie
from inspire_policy.question_modes import answer_text, check_mode

TOSS_UP = 0.01  # m; within that the truth could as well be another


@dataclass(frozen=True)
class TrueAnswer:
    """word: for people. key: what an answer's key has to equal. tied: whether it is a toss-up, which nobody judges."""

    word: str
    key: int | str
    tied: bool


@dataclass(frozen=True)
class Scoring:
    """The labels of a question mode; `words`: of the bundle, for all modes but directions."""

    mode: str = "direction"
    words: DirectionWords = REP103

    def __post_init__(self) -> None:
        check_mode(self.mode)

    def key(self, word: str, axis: int) -> int | str:
        """Of an answer with this word and signed axis."""
        return axis if self.mode == "direction" else word

    def truth(self, offset: Sequence[float] | np.ndarray, grasped: bool) -> TrueAnswer:
        """The right answer about an object.

        Args:
            offset: (3,) object minus tool, m, in the frame of the words.

        Raises:
            ValueError: no 3 finite numbers.
        """
        if self.mode == "direction":
            axis = direction_axis(offset, grasped)
            return TrueAnswer(REP103.word(axis), axis, not grasped and is_tie(offset, TOSS_UP))
        vector = np.asarray(offset, dtype=float)
        text = answer_text(self.mode, vector, grasped, self.words)
        near = () if grasped else (vector + sign * step for sign in (-1, 1) for step in np.eye(3) * TOSS_UP / 2)
        tied = any(answer_text(self.mode, place, grasped, self.words) != text for place in near)
        return TrueAnswer(text, text, tied)


DIRECTIONS = Scoring()
