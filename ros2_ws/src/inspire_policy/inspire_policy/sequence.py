"""How perception, instruction, questions, answers and actions become one token sequence; for training and for the
robot.

Style "compact":

    rows 0..N-1            perception embeddings (their token ids are <pad>, unused)
    <bos> instruction <sep>                                         -- end of the prefix
    per object: "In which direction is the X relative to the robot?" answer
    <act>, then <query_0> .. <query_Q-1> (continuous) or the action codes

The prefix rows see each other both ways (or causally, by `prefix_attention`); everything after is causal. A question
with its answer is an exact extension of what stood before, so the key/value cache is reused across questions and
actions. Position ids count from 0 without gaps. The logits of row i predict row i + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inspire_policy import directions
from inspire_policy.tokens import ACT, BEGIN, PAD, SEPARATOR, TextTokenizer, code_token, query_token, text_ids, token_id

MASKED = -1e9  # additive bias of a column that must not be seen; finite, so that a fully masked row gives no NaN
PREFIX_ATTENTION = ("bidirectional", "causal")


@dataclass(frozen=True)
class TrainingSequence:
    """One example.

    Attributes:
        token_ids: (T,) int64. perception_rows: N, the first N rows take embeddings. prefix_length: rows of the prefix.
        answer_rows: (K,) rows where the answers stand; the logits of row - 1 predict them.
        answer_ids: (K,) int64 token ids of the answers.
        query_rows: (Q,) rows of the query tokens, whose hidden states feed the head; empty with codes.
        code_rows: (C,) rows where the codes stand; the logits of row - 1 predict them; empty for the continuous codec.
    """

    token_ids: np.ndarray
    perception_rows: int
    prefix_length: int
    answer_rows: np.ndarray
    answer_ids: np.ndarray
    query_rows: np.ndarray
    code_rows: np.ndarray


@dataclass(frozen=True)
class Batch:
    """A right-padded batch of B sequences of at most T rows.

    Attributes:
        token_ids: (B, T) int64. use_embeddings: (B, T, 1) float32. position_ids: (B, T) int64.
        attention_bias: (B, 1, T, T) float32, additive, 0 or MASKED.
        answer_rows, answer_ids, answer_mask: (B, K); mask is False where a sequence has fewer answers (rows and ids
            are 1 and 0 there).
        query_rows: (B, Q) int64. code_rows: (B, C) int64.
    """

    token_ids: np.ndarray
    use_embeddings: np.ndarray
    position_ids: np.ndarray
    attention_bias: np.ndarray
    answer_rows: np.ndarray
    answer_ids: np.ndarray
    answer_mask: np.ndarray
    query_rows: np.ndarray
    code_rows: np.ndarray


class SequenceStyle(Protocol):
    """What a program needs to know of a style."""

    kind: str
    perception_tokens: int
    prefix_attention: str

    def prefix_ids(self, instruction: str) -> np.ndarray:
        """Ids of the prefix, int64 (P,); the first `perception_tokens` rows take the perception embeddings."""

    def question_ids(self, object_name: str) -> np.ndarray:
        """Ids of a question, int64 (T,); the logits of its last row give the answer."""

    def answer_id(self, word: str) -> int:
        """Id of an answer word."""

    def action_ids(self, queries: int) -> np.ndarray:
        """Ids that ask for the action, int64: <act>, then `queries` query tokens in the last rows."""

    def code_ids(self, codes: int) -> np.ndarray:
        """Ids of the action codes 0..codes-1, int64 (codes,)."""


class CompactSequence:
    """The style "compact" over a tokenizer; see the module's docstring."""

    kind = "compact"

    def __init__(
        self,
        tokenizer: TextTokenizer,
        *,
        perception_tokens: int,
        prefix_attention: str = "bidirectional",
    ) -> None:
        if prefix_attention not in PREFIX_ATTENTION:
            raise ValueError(
                f"prefix attention: expected one of {', '.join(PREFIX_ATTENTION)}, found {prefix_attention!r}"
            )
        self.tokenizer = tokenizer
        self.perception_tokens = perception_tokens
        self.prefix_attention = prefix_attention
        self.pad_id = token_id(tokenizer, PAD)

    def prefix_ids(self, instruction: str) -> np.ndarray:
        """<pad> x N, <bos>, instruction, <sep>; int64 (P,)."""
        begin, separator = token_id(self.tokenizer, BEGIN), token_id(self.tokenizer, SEPARATOR)
        words = text_ids(self.tokenizer, instruction)
        return np.array([self.pad_id] * self.perception_tokens + [begin, *words, separator], dtype=np.int64)

    def question_ids(self, object_name: str) -> np.ndarray:
        """Ids of the paper's question, int64 (T,)."""
        return np.array(text_ids(self.tokenizer, directions.question(object_name)), dtype=np.int64)

    def answer_id(self, word: str) -> int:
        """Id of an answer word. Raises ValueError when it is not a token."""
        return token_id(self.tokenizer, word)

    def action_ids(self, queries: int) -> np.ndarray:
        """<act> and the query tokens, int64 (1 + queries,)."""
        names = [ACT, *map(query_token, range(queries))]
        return np.array([token_id(self.tokenizer, name) for name in names], dtype=np.int64)

    def code_ids(self, codes: int) -> np.ndarray:
        """Ids of the action codes, int64 (codes,)."""
        return np.array([token_id(self.tokenizer, code_token(i)) for i in range(codes)], dtype=np.int64)


STYLES = {CompactSequence.kind: CompactSequence}


def make_style(kind: str, tokenizer: TextTokenizer, *, perception_tokens: int, prefix_attention: str) -> SequenceStyle:
    """The style of a manifest. Raises ValueError on an unknown kind."""
    if kind not in STYLES:
        raise ValueError(
            f"sequence style: expected one of {', '.join(STYLES)}, found {kind!r}; update inspire_policy or export "
            "again"
        )
    return STYLES[kind](tokenizer, perception_tokens=perception_tokens, prefix_attention=prefix_attention)


def training_sequence(
    style: SequenceStyle,
    instruction: str,
    answers: Sequence[tuple[str, str]],
    *,
    queries: int = 0,
    codes: Sequence[int] = (),
    code_values: int = 0,
) -> TrainingSequence:
    """The full sequence of one example.

    Args:
        answers: (object, word) in the order they are asked; empty for the baseline without questions.
        queries: query tokens (continuous codec), else 0.
        codes: action codes (code codecs) as numbers 0..code_values-1, else empty.
        code_values: number of code tokens in the vocabulary.
    """
    prefix = style.prefix_ids(instruction)
    ids: list[int] = list(prefix)
    answer_rows, answer_ids = [], []
    for object_name, word in answers:
        ids.extend(style.question_ids(object_name))
        answer_rows.append(len(ids))
        answer_ids.append(style.answer_id(word))
        ids.append(answer_ids[-1])
    ids.extend(style.action_ids(queries))
    query_rows = np.arange(len(ids) - queries, len(ids), dtype=np.int64)
    code_rows = np.arange(len(ids), len(ids) + len(codes), dtype=np.int64)
    if len(codes):
        ids.extend(style.code_ids(code_values)[np.asarray(codes, dtype=np.int64)])
    return TrainingSequence(
        token_ids=np.array(ids, dtype=np.int64),
        perception_rows=style.perception_tokens,
        prefix_length=len(prefix),
        answer_rows=np.array(answer_rows, dtype=np.int64),
        answer_ids=np.array(answer_ids, dtype=np.int64),
        query_rows=query_rows,
        code_rows=code_rows,
    )


def collate(sequences: Sequence[TrainingSequence], prefix_attention: str, *, length: int | None = None) -> Batch:
    """A batch, right-padded with id 0 to the longest sequence, or to `length` rows. Queries and codes must be equally
    many in each.

    A padded row sees the rows before it (so that its softmax is defined) and no real row sees a padded one.
    """
    rows = length if length is not None else max(len(s.token_ids) for s in sequences)
    answers = max((len(s.answer_rows) for s in sequences), default=0)
    size = len(sequences)
    token_ids = np.zeros((size, rows), dtype=np.int64)
    use_embeddings = np.zeros((size, rows, 1), dtype=np.float32)
    bias = np.empty((size, 1, rows, rows), dtype=np.float32)
    answer_rows = np.ones((size, answers), dtype=np.int64)
    answer_ids = np.zeros((size, answers), dtype=np.int64)
    answer_mask = np.zeros((size, answers), dtype=bool)
    for i, s in enumerate(sequences):
        if len(s.token_ids) > rows:
            raise ValueError(f"sequence: expected at most {rows} rows, found {len(s.token_ids)}")
        token_ids[i, : len(s.token_ids)] = s.token_ids
        use_embeddings[i, : s.perception_rows] = 1.0
        both_ways = s.prefix_length if prefix_attention == "bidirectional" else 0
        bias[i, 0] = attention_bias(rows, cached=0, cache_length=0, bidirectional=both_ways)
        count = len(s.answer_rows)
        answer_rows[i, :count], answer_ids[i, :count], answer_mask[i, :count] = s.answer_rows, s.answer_ids, True
    return Batch(
        token_ids=token_ids,
        use_embeddings=use_embeddings,
        position_ids=np.tile(np.arange(rows, dtype=np.int64), (size, 1)),
        attention_bias=bias,
        answer_rows=answer_rows,
        answer_ids=answer_ids,
        answer_mask=answer_mask,
        query_rows=np.stack([s.query_rows for s in sequences]),
        code_rows=np.stack([s.code_rows for s in sequences]),
    )


def attention_bias(rows: int, *, cached: int, cache_length: int, bidirectional: int = 0) -> np.ndarray:
    """Additive attention bias of `rows` new rows, float32 (rows, cache_length + rows): 0 visible, MASKED not.

    Args:
        cached: cache slots already filled, visible to every new row; the other slots are masked.
        cache_length: cache slots S, the first columns; 0 without a cache.
        bidirectional: the first so many new rows see each other both ways; the rest is causal.
    """
    bias = np.full((rows, cache_length + rows), MASKED, dtype=np.float32)
    bias[:, :cached] = 0.0
    new = bias[:, cache_length:]
    new[np.tril_indices(rows)] = 0.0
    new[:bidirectional, :bidirectional] = 0.0
    return bias
