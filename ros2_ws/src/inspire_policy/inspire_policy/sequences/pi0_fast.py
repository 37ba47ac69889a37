r"""Style "pi0_fast", the sentences of pi0-FAST with questions:

    [perception embeddings] <bos> Task: INSTRUCTION, State: 12 200 ...;\n
    per object: Question: In which direction is OBJECT relative to the robot? Answer: WORD;\n
    Action: CODES |

The state is said as numbers 0..255, uniform bins over [low, high] of each of its values. Action code c is the token
`skip` + c places before the last one of the vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inspire_policy.sequences.base import StyleBase
from inspire_policy.tokens import BEGIN, text_ids, token_id

BINS = 256
SKIPPED = 128  # PaliGemma's last tokens, kept free by pi0-FAST


class Pi0FastSequence(StyleBase):
    """The style "pi0_fast".

    Settings: "state_low" and "state_high", one number per value of the state; "vocabulary", the number of token ids,
    where it is not the tokenizer's; "skip".
    """

    kind = "pi0_fast"
    says_state = True

    def _configure(self, settings: dict[str, Any]) -> None:
        self._low = np.asarray(settings.pop("state_low", ()), dtype=np.float64)
        self._high = np.asarray(settings.pop("state_high", ()), dtype=np.float64)
        self._last = int(settings.pop("vocabulary", 0)) or self.tokenizer.get_vocab_size()
        self._last -= 1 + int(settings.pop("skip", SKIPPED))
        if self._low.shape != self._high.shape or (self._low > self._high).any():
            raise ValueError(
                f"sequence style pi0_fast: expected as many state_low as state_high, none above the other, found "
                f"{self._low} and {self._high}"
            )
        super()._configure(settings)

    @property
    def trained_answer_end(self) -> int:  # type: ignore[override]
        """All of it: the model has to end its answer itself."""
        return len(self.answer_end_ids())

    def prefix_ids(self, instruction: str, state: np.ndarray | None = None) -> np.ndarray:
        """Rows of the embeddings, <bos>, then task and state; int64 (P,). Raises ValueError on a state of wrong
        length.
        """
        begin = token_id(self.tokenizer, BEGIN)
        text = f"Task: {instruction.lower().strip().replace('_', ' ')}, State: {self._state(state)};\n"
        return np.array(
            [*[begin] * self.perception_tokens, begin, *text_ids(self.tokenizer, text)],
            dtype=np.int64,
        )

    def question_ids(self, object_name: str) -> np.ndarray:
        """Ids of "Question: ... Answer:", int64 (T,)."""
        text = f"Question: {self._question(object_name)} Answer:"
        return np.array(text_ids(self.tokenizer, text), dtype=np.int64)

    def answer_id(self, word: str) -> int:
        """Id of a word behind "Answer:". Raises ValueError when it is not one token there."""
        ids = self.answer_ids(word)
        if len(ids) != 1:
            raise ValueError(
                f"answer word: expected one token behind 'Answer:', found {len(ids)} for {word!r}; take the words that "
                "the checkpoint was trained with"
            )
        return ids[0]

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """Ids of an answer behind "Answer:". Raises ValueError when they change how that is cut into tokens."""
        before, whole = text_ids(self.tokenizer, "Answer:"), text_ids(self.tokenizer, f"Answer: {text}")
        if whole[: len(before)] != before:
            raise ValueError(f"answer: expected tokens behind 'Answer:', found {text!r} merged with it")
        return tuple(whole[len(before) :])

    def answer_end_ids(self) -> np.ndarray:
        r""" ";\n", int64."""
        return np.array(text_ids(self.tokenizer, ";\n"), dtype=np.int64)

    def action_ids(self, instruction: str, queries: int) -> np.ndarray:
        """ "Action: ", int64. Raises ValueError for query tokens, which it has none of."""
        if queries:
            raise ValueError("sequence style pi0_fast: expected an action codec with codes, found one with queries")
        return np.array(text_ids(self.tokenizer, "Action: "), dtype=np.int64)

    def code_ids(self, codes: int) -> np.ndarray:
        """Ids of the codes, int64 (codes,), counted backwards."""
        if codes > self._last + 1:
            raise ValueError(f"tokenizer: expected at least {codes} token ids for codes, found {self._last + 1}")
        return self._last - np.arange(codes, dtype=np.int64)

    def action_end_ids(self) -> np.ndarray:
        """ "|", int64."""
        return np.array(text_ids(self.tokenizer, "|"), dtype=np.int64)

    def _state(self, state: np.ndarray | None) -> str:
        if state is None:
            return " ".join([str(BINS - 1)] * len(self._low))
        state = np.asarray(state, dtype=np.float64)
        if state.shape != self._low.shape:
            raise ValueError(f"state: expected {len(self._low)} numbers, found shape {state.shape}")
        values = np.clip(2.0 * (state - self._low) / (self._high - self._low + 1e-8) - 1.0, -1.0, 1.0)
        bins = np.digitize(values, np.linspace(-1.0, 1.0, BINS + 1)[:-1]) - 1
        return " ".join(map(str, bins.tolist()))
