"""How perception, instruction, questions, answers and actions become one token sequence; for training and for the
robot. How the parts are worded is a style's business, see `inspire_policy.sequences`.

The rows of the prefix see each other both ways (or causally, by `prefix_attention`); everything after is causal. A
question with its answer is an exact extension of what stood before, so the key/value cache is reused across questions
and actions. Position ids count from 0 without gaps. The logits of row i predict row i + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspire_policy.sequences.base import SequenceStyle

MASKED = -1e9  # additive bias of a column that must not be seen; finite, so that a fully masked row gives no NaN
IGNORED = -100  # label of a row that is not trained, as torch's cross-entropy has it


@dataclass(frozen=True)
class TrainingSequence:
    """One example.

    Attributes:
        token_ids: (T,) int64. perception_start, perception_rows: rows start..start+N-1 take embeddings. prefix_length:
            rows of the prefix.
        question_rows: (K,) last rows of the questions.
        answer_rows: (A,) rows where the answers' tokens stand, one token each in most question modes; the logits of
            row - 1 predict them. answer_ids: (A,) int64 their ids. answer_of: (A,) which question each belongs to.
        end_rows: (E,) rows of what ends answers and actions and is predicted.
        query_rows: (Q,) rows of the query tokens, whose hidden states feed the head; empty with codes.
        code_rows: (C,) rows where the codes stand; the logits of row - 1 predict them; empty for the continuous codec.
        labels: (T,) int64, the ids that a plain language-model loss trains, where they stand: answers, codes and what
            ends them; IGNORED elsewhere.
    """

    token_ids: np.ndarray
    perception_start: int
    perception_rows: int
    prefix_length: int
    question_rows: np.ndarray
    answer_rows: np.ndarray
    answer_ids: np.ndarray
    answer_of: np.ndarray
    end_rows: np.ndarray
    query_rows: np.ndarray
    code_rows: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Batch:
    """A right-padded batch of B sequences of at most T rows.

    Attributes:
        token_ids: (B, T) int64. use_embeddings: (B, T, 1) float32. position_ids: (B, T) int64.
        attention_bias: (B, 1, T, T) float32, additive, 0 or MASKED.
        answer_rows, answer_ids, answer_mask: (B, A); mask is False where a sequence has fewer answer tokens (rows and
            ids are 1 and 0 there).
        query_rows: (B, Q) int64. code_rows, code_mask: (B, C) int64 and bool, likewise.
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
    code_mask: np.ndarray


def training_sequence(
    style: SequenceStyle,
    instruction: str,
    answers: Sequence[tuple[str, str]],
    *,
    queries: int = 0,
    codes: Sequence[int] = (),
    code_values: int = 0,
    state: np.ndarray | None = None,
) -> TrainingSequence:
    """The full sequence of one example.

    Args:
        answers: (object, word) in the order they are asked; empty for the baseline without questions.
        queries: query tokens (continuous codec), else 0.
        codes: action codes (code codecs) as numbers 0..code_values-1, else empty.
        code_values: number of code tokens in the vocabulary.
        state: what the arm feels, SI, for the styles that say it in words.
    """
    prefix = style.prefix_ids(instruction, state)
    parts: list[np.ndarray] = [prefix]
    question_rows: list[int] = []
    answer_rows: list[int] = []
    answer_ids: list[int] = []
    answer_of: list[int] = []
    end_rows: list[int] = []
    rows = len(prefix)
    for number, (object_name, text) in enumerate(answers):
        question, end = style.question_ids(object_name), style.answer_end_ids()
        ids = style.answer_ids(text)
        rows += len(question)
        question_rows.append(rows - 1)
        answer_rows += range(rows, rows + len(ids))
        answer_ids += ids
        answer_of += [number] * len(ids)
        rows += len(ids)
        end_rows += range(rows, rows + style.trained_answer_end)
        parts += [question, np.array(ids, dtype=np.int64), end]
        rows += len(end)
    parts.append(style.action_ids(instruction, queries))
    rows += len(parts[-1])
    query_rows = np.arange(rows - queries, rows, dtype=np.int64)
    code_rows = np.arange(rows, rows + len(codes), dtype=np.int64)
    if len(codes):
        parts += [style.code_ids(code_values)[np.asarray(codes, dtype=np.int64)], style.action_end_ids()]
        rows += len(codes)
        end_rows += range(rows, rows + len(parts[-1]))
    token_ids = np.concatenate(parts)
    labels = np.full(len(token_ids), IGNORED, dtype=np.int64)
    for trained in (answer_rows, code_rows, end_rows):
        labels[trained] = token_ids[trained]
    return TrainingSequence(
        token_ids=token_ids,
        perception_start=style.perception_start,
        perception_rows=style.perception_tokens,
        prefix_length=len(prefix),
        question_rows=np.array(question_rows, dtype=np.int64),
        answer_rows=np.array(answer_rows, dtype=np.int64),
        answer_ids=np.array(answer_ids, dtype=np.int64),
        answer_of=np.array(answer_of, dtype=np.int64),
        end_rows=np.array(end_rows, dtype=np.int64),
        query_rows=query_rows,
        code_rows=code_rows,
        labels=labels,
    )


def collate(sequences: Sequence[TrainingSequence], prefix_attention: str, *, length: int | None = None) -> Batch:
    """A batch, right-padded with id 0 to the longest sequence, or to `length` rows. Queries must be equally many in
    each.

    A padded row sees the rows before it (so that its softmax is defined) and no real row sees a padded one.
    """
    rows = length if length is not None else max(len(s.token_ids) for s in sequences)
    answers = max((len(s.answer_rows) for s in sequences), default=0)
    codes = max((len(s.code_rows) for s in sequences), default=0)
    size = len(sequences)
    token_ids = np.zeros((size, rows), dtype=np.int64)
    use_embeddings = np.zeros((size, rows, 1), dtype=np.float32)
    bias = np.empty((size, 1, rows, rows), dtype=np.float32)
    answer_rows = np.ones((size, answers), dtype=np.int64)
    answer_ids = np.zeros((size, answers), dtype=np.int64)
    answer_mask = np.zeros((size, answers), dtype=bool)
    code_rows, code_mask = np.ones((size, codes), dtype=np.int64), np.zeros((size, codes), dtype=bool)
    for i, s in enumerate(sequences):
        if len(s.token_ids) > rows:
            raise ValueError(f"sequence: expected at most {rows} rows, found {len(s.token_ids)}")
        token_ids[i, : len(s.token_ids)] = s.token_ids
        use_embeddings[i, s.perception_start : s.perception_start + s.perception_rows] = 1.0
        both_ways = s.prefix_length if prefix_attention == "bidirectional" else 0
        bias[i, 0] = attention_bias(rows, cached=0, cache_length=0, bidirectional=both_ways)
        count = len(s.answer_rows)
        answer_rows[i, :count], answer_ids[i, :count], answer_mask[i, :count] = s.answer_rows, s.answer_ids, True
        code_rows[i, : len(s.code_rows)], code_mask[i, : len(s.code_rows)] = s.code_rows, True
    return Batch(
        token_ids=token_ids,
        use_embeddings=use_embeddings,
        position_ids=np.tile(np.arange(rows, dtype=np.int64), (size, 1)),
        attention_bias=bias,
        answer_rows=answer_rows,
        answer_ids=answer_ids,
        answer_mask=answer_mask,
        query_rows=np.stack([s.query_rows for s in sequences]),
        code_rows=code_rows,
        code_mask=code_mask,
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
