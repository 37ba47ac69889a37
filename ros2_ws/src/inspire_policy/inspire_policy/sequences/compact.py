"""Style "compact", of this project's own small bundles:

rows 0..N-1            perception embeddings (their token ids are <pad>, unused)
<bos> instruction <sep>                                         -- end of the prefix
per object: "In which direction is the X relative to the robot?" answer
<act>, then <query_0> .. <query_Q-1> (continuous) or the action codes
"""

from __future__ import annotations

import numpy as np

from inspire_policy.sequences.base import StyleBase
from inspire_policy.tokens import ACT, BEGIN, PAD, SEPARATOR, UNKNOWN, code_token, query_token, text_ids, token_id


class CompactSequence(StyleBase):
    """The style "compact" over a tokenizer of `inspire_policy.tokens`."""

    kind = "compact"

    def prefix_ids(self, instruction: str, state: np.ndarray | None = None) -> np.ndarray:
        """<pad> x N, <bos>, instruction, <sep>; int64 (P,). What the arm feels is among the embeddings."""
        begin, separator = token_id(self.tokenizer, BEGIN), token_id(self.tokenizer, SEPARATOR)
        words = text_ids(self.tokenizer, instruction)
        padding = [token_id(self.tokenizer, PAD)] * self.perception_tokens
        return np.array([*padding, begin, *words, separator], dtype=np.int64)

    def question_ids(self, object_name: str) -> np.ndarray:
        """Ids of the published question, int64 (T,)."""
        return np.array(text_ids(self.tokenizer, self._question(object_name)), dtype=np.int64)

    def answer_id(self, word: str) -> int:
        """Id of an answer word. Raises ValueError when it is not a token."""
        return token_id(self.tokenizer, word)

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """Ids of an answer. Raises ValueError when the tokenizer does not know all of its words."""
        ids = tuple(text_ids(self.tokenizer, text))
        if not ids or self.tokenizer.token_to_id(UNKNOWN) in ids:
            raise ValueError(
                f"answer: expected words that the tokenizer knows, found {text!r}; train from nothing in this question "
                "mode, or from a run that was"
            )
        return ids

    def action_ids(self, instruction: str, queries: int) -> np.ndarray:
        """<act> and the query tokens, int64 (1 + queries,)."""
        names = [ACT, *map(query_token, range(queries))]
        return np.array([token_id(self.tokenizer, name) for name in names], dtype=np.int64)

    def code_ids(self, codes: int) -> np.ndarray:
        """Ids of <code_0>, <code_1>, ...; int64 (codes,)."""
        return np.array([token_id(self.tokenizer, code_token(i)) for i in range(codes)], dtype=np.int64)
