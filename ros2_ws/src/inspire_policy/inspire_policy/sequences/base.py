"""The one interface of every sequence style, and how templates become ids.

Whatever the style, a sequence is a prefix with the rows of the perception embeddings, then per object a question, its
answer and what ends an answer, then what asks for the action, the action and what ends it. Each part is an exact
extension of what stood before, so the key/value cache is kept across questions and actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from inspire_policy.directions import asked_name
from inspire_policy.question_modes import check_mode, question_text
from inspire_policy.tokens import TextTokenizer, text_ids, token_id

PREFIX_ATTENTION = ("bidirectional", "causal")


class SequenceStyle(Protocol):
    """What a program, training and the plug-in for other language models need to know of a style.

    Attributes:
        kind: name in the manifest. perception_start, perception_tokens: the rows of the prefix that take the perception
            embeddings. prefix_attention: "bidirectional" or "causal".
        question_mode: which of the published questions is asked, see `inspire_policy.question_modes`.
        says_state: whether the prefix says what the arm feels, and so differs from frame to frame.
        trained_answer_end: how many of the ids that end an answer are predicted, and so trained.
    """

    kind: str
    perception_start: int
    perception_tokens: int
    prefix_attention: str
    question_mode: str
    says_state: bool
    trained_answer_end: int

    def prefix_ids(self, instruction: str, state: np.ndarray | None = None) -> np.ndarray:
        """Ids of the prefix, int64 (P,).

        state: what the arm feels, SI, for the styles that say it in words; None gives the longest prefix there can be.
        """

    def question_ids(self, object_name: str) -> np.ndarray:
        """Ids of a question, int64 (T,); the logits of its last row give the answer."""

    def answer_id(self, word: str) -> int:
        """Id of an answer word. Raises ValueError when it is not one token."""

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """Ids of an answer of any mode. Raises ValueError when the tokenizer cannot say it."""

    def answer_end_ids(self) -> np.ndarray:
        """Ids behind an answer, int64; may be empty."""

    def action_ids(self, instruction: str, queries: int) -> np.ndarray:
        """Ids that ask for the action, int64, then `queries` query tokens in the last rows."""

    def code_ids(self, codes: int) -> np.ndarray:
        """Ids of the action codes 0..codes-1, int64 (codes,)."""

    def action_end_ids(self) -> np.ndarray:
        """Ids behind an action made of codes, int64, all trained; may be empty."""


class StyleBase:
    """What all styles share."""

    kind = ""
    perception_start = 0
    says_state = False
    trained_answer_end = 0

    def __init__(
        self,
        tokenizer: TextTokenizer,
        *,
        perception_tokens: int,
        prefix_attention: str = "bidirectional",
        question_mode: str = "direction",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        check_mode(question_mode)
        if prefix_attention not in PREFIX_ATTENTION:
            raise ValueError(
                f"prefix attention: expected one of {', '.join(PREFIX_ATTENTION)}, found {prefix_attention!r}"
            )
        self.tokenizer = tokenizer
        self.perception_tokens = perception_tokens
        self.prefix_attention = prefix_attention
        self.question_mode = question_mode
        self._configure(dict(settings or {}))

    def _configure(self, settings: dict[str, Any]) -> None:
        """Take the style's settings. Raises ValueError on one that is unknown."""
        if settings:
            raise ValueError(f"sequence style {self.kind}: expected no settings, found {', '.join(settings)}")

    def _question(self, object_name: str) -> str:
        """The question of the mode about an object as named in the instruction."""
        return question_text(self.question_mode, asked_name(object_name))

    def answer_end_ids(self) -> np.ndarray:
        """No ids."""
        return np.zeros(0, dtype=np.int64)

    def action_end_ids(self) -> np.ndarray:
        """No ids."""
        return np.zeros(0, dtype=np.int64)


def template_ids(tokenizer: TextTokenizer, parts: tuple[str, ...]) -> list[int]:
    """Ids of a template given as its pieces: <|...|> and <...> pieces that the vocabulary has are looked up, the others
    are text. Text never becomes a special token, whatever it spells.
    """
    ids: list[int] = []
    for part in parts:
        if part.startswith("<") and part.endswith(">"):
            ids.append(token_id(tokenizer, part))
        else:
            ids.extend(text_ids(tokenizer, part))
    return ids
