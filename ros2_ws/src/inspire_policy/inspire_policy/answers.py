"""Every answer of a question mode as token ids: what may be said next, and what was said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inspire_policy.directions import DirectionWords
from inspire_policy.question_modes import answer_texts
from inspire_policy.sequences.base import SequenceStyle


class AnswerVocabulary:
    """The answers of a style in its question mode. No answer is the beginning of another, so an end needs no token.

    Attributes:
        texts: all of them, in the order of `answer_texts`. ids: their token ids. longest: tokens of the longest.
        number: text -> its place in `texts`. one_token: whether each is a single token.
    """

    def __init__(self, style: SequenceStyle, words: DirectionWords) -> None:
        """Raises ValueError when the tokenizer cannot say an answer, or cannot tell two of them apart."""
        self.texts = answer_texts(style.question_mode, words)
        self.ids = tuple(style.answer_ids(text) for text in self.texts)
        self.number = {text: place for place, text in enumerate(self.texts)}
        self.longest = max(map(len, self.ids))
        self.one_token = self.longest == 1
        following: dict[tuple[int, ...], dict[int, None]] = {}
        for ids in self.ids:
            for length in range(len(ids)):
                following.setdefault(ids[:length], {})[ids[length]] = None
        self._following = {said: np.array(list(ids), dtype=np.int64) for said, ids in following.items()}
        self._text = dict(zip(self.ids, self.texts))
        if len(self._text) < len(self.texts) or any(ids in self._following for ids in self.ids):
            raise ValueError(
                f"answers of question mode {style.question_mode}: expected different tokens for each, none the "
                "beginning of another, found some alike; take another tokenizer"
            )

    def may_follow(self, said: Sequence[int]) -> np.ndarray:
        """The ids that may come behind these, int64; none when the answer is complete."""
        return self._following.get(tuple(said), _NOTHING)

    def text(self, said: Sequence[int]) -> str:
        """The answer of complete ids."""
        return self._text[tuple(said)]

    def some(self) -> str:
        """The answers for a message; of many, a few."""
        return ", ".join(self.texts[:12]) + (", ..." if len(self.texts) > 12 else "")


_NOTHING = np.zeros(0, dtype=np.int64)
