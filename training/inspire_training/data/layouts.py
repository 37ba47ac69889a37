"""The token layout of a frame: the sequence of `inspire_policy.sequence.training_sequence` with open places, into which
the sampler writes the answers and codes of the frame.

Frames of the same instruction and objects share a layout as long as their answers take as many tokens; layouts are made
when first met, in styles that say what the arm feels for each frame anew. A batch is as long as its longest sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.codecs.base import ActionCodec
from inspire_policy.sequence import TrainingSequence, attention_bias, training_sequence
from inspire_policy.sequences.base import SequenceStyle
from inspire_policy.tokens import TextTokenizer, padded_instruction_ids
from inspire_training.expert.config import INSTRUCTION
from inspire_training.expert.prompts import told

Pair = tuple[str, tuple[str, ...]]
KEPT_BIASES = 64  # a megabyte each at the length of MiniVLA's sequences


@dataclass(frozen=True, kw_only=True)
class LayoutBatch:
    """The layouts of B frames, right-padded; what a frame has fewer of is masked, its rows are 1.

    Attributes:
        token_ids: (B, T). attention_bias: (B, 1, T, T). prefix_rows, prefix_mask: (B, P), the rows of the prefix.
        answer_rows, answer_mask: (B, A) of the answers' tokens; answer_of, answer_place: (B, A) which question each
            belongs to, and which token of its answer it is.
        offset_rows, object_mask: (B, K). query_rows: (B, Q). code_rows, code_mask: (B, C). end_rows, end_ids, end_mask:
            (B, E) of the tokens that end answers and actions and are predicted.
    """

    token_ids: np.ndarray
    attention_bias: np.ndarray
    prefix_rows: np.ndarray
    prefix_mask: np.ndarray
    answer_rows: np.ndarray
    answer_mask: np.ndarray
    answer_of: np.ndarray
    answer_place: np.ndarray
    offset_rows: np.ndarray
    object_mask: np.ndarray
    query_rows: np.ndarray
    code_rows: np.ndarray
    code_mask: np.ndarray
    end_rows: np.ndarray
    end_ids: np.ndarray
    end_mask: np.ndarray


class LayoutTable:
    """Layouts by (instruction, objects) pair and by the lengths of the answers.

    Attributes:
        instruction_ids: (n, L) of the pairs; L is 0 for a vision that is not told the instruction.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        style: SequenceStyle,
        codec: ActionCodec,
        tokenizer: TextTokenizer,
        answers: AnswerVocabulary,
        *,
        questions: bool,
        text_length: int,
        template: str = INSTRUCTION,
    ) -> None:
        """template: how the sequence tells the instruction; the vision is told the bare one."""
        self._pairs, self._style, self._codec, self._template = pairs, style, codec, template
        self._questions = questions
        self._any = {len(ids): text for ids, text in zip(answers.ids, answers.texts)}
        self._most = max(len(objects) for _, objects in pairs)
        self._made: dict[tuple[int, tuple[int, ...]], TrainingSequence] = {}
        self._biases: dict[tuple[int, int], np.ndarray] = {}
        self.instruction_ids = (
            np.stack([padded_instruction_ids(tokenizer, i, text_length) for i, _ in pairs])
            if text_length
            else np.zeros((len(pairs), 0), dtype=np.int64)
        )

    def gather(self, pair: np.ndarray, lengths: np.ndarray, codes: np.ndarray, states: np.ndarray) -> LayoutBatch:
        """The layouts of frames.

        Args:
            pair: (B,) numbers of their pairs. lengths: (B, K) tokens of each answer, anything where there is no object.
            codes: (B,) how many codes their chunks take; all the same with a codec of fixed length, 0 without codes.
            states: (B, 10) what the arm feels, SI, for the styles that say it.
        """
        found = [self._layout(int(p), row, state) for p, row, state in zip(pair, lengths, states)]
        spared = [self._codec.codes - int(count) for count in codes]  # rows that the chunk needs less than the longest
        rows = max(len(s.token_ids) - less for s, less in zip(found, spared))
        both_ways = self._style.prefix_attention == "bidirectional"
        ids = np.zeros((len(found), rows), dtype=np.int64)
        ends, said = [], []
        for i, (s, less) in enumerate(zip(found, spared)):
            kept = s.token_ids[: len(s.token_ids) - less] if less else s.token_ids
            ids[i, : len(kept)] = kept
            behind = s.end_rows > s.code_rows[-1] if len(s.code_rows) else np.zeros(len(s.end_rows), dtype=bool)
            ends.append(np.where(behind, s.end_rows - less, s.end_rows))
            said.append(s.token_ids[s.end_rows])
            ids[i, ends[-1]] = said[-1]
        # Without questions every place is <act>, whose head answers for all objects at once.
        asked = [s.question_rows if self._questions else np.full(self._most, _act_row(s)) for s in found]
        answer_rows, answer_mask = _padded([s.answer_rows for s in found], 1)
        end_rows, end_mask = _padded(ends, 1)
        prefix, prefix_mask = _padded([np.arange(s.prefix_length) for s in found], 0)
        code_rows, code_mask = _padded([s.code_rows[: int(n)] for s, n in zip(found, codes)], 1)
        return LayoutBatch(
            token_ids=ids,
            attention_bias=np.stack([self._bias(rows, s.prefix_length if both_ways else 0) for s in found])[:, None],
            prefix_rows=prefix,
            prefix_mask=prefix_mask,
            answer_rows=answer_rows,
            answer_mask=answer_mask,
            answer_of=_padded([s.answer_of for s in found], 0)[0],
            answer_place=_padded([_places(s.answer_of) for s in found], 0)[0],
            offset_rows=_padded(asked, 1, self._most)[0],
            object_mask=np.arange(self._most) < self._count(pair)[:, None],
            query_rows=np.stack([s.query_rows for s in found]),
            code_rows=code_rows,
            code_mask=code_mask,
            end_rows=end_rows,
            end_ids=_padded(said, 0)[0],
            end_mask=end_mask,
        )

    def _count(self, pair: np.ndarray) -> np.ndarray:
        """Objects of each frame's instruction, (B,)."""
        return np.array([len(self._pairs[int(p)][1]) for p in pair])

    def _layout(self, pair: int, lengths: np.ndarray, state: np.ndarray) -> TrainingSequence:
        objects = self._pairs[pair][1]
        asked = tuple(lengths[: len(objects)].tolist()) if self._questions else ()
        if self._style.says_state:
            return self._make(pair, asked, state)
        if (pair, asked) not in self._made:
            self._made[pair, asked] = self._make(pair, asked)
        return self._made[pair, asked]

    def _make(self, pair: int, lengths: tuple[int, ...], state: np.ndarray | None = None) -> TrainingSequence:
        instruction, objects = self._pairs[pair]
        return training_sequence(
            self._style,
            told(self._template, instruction),
            [(name, self._any[length]) for name, length in zip(objects, lengths)],
            queries=self._codec.queries,
            codes=[0] * self._codec.codes,
            code_values=self._codec.code_values,
            state=state,
        )

    def _bias(self, rows: int, both_ways: int) -> np.ndarray:
        bias = self._biases.get((rows, both_ways))
        if bias is None:
            if len(self._biases) >= KEPT_BIASES:
                self._biases.clear()
            bias = attention_bias(rows, cached=0, cache_length=0, bidirectional=both_ways)
            self._biases[rows, both_ways] = bias
        return bias


def _act_row(sequence: TrainingSequence) -> int:
    """The last row before queries or codes."""
    return int((*sequence.query_rows, *sequence.code_rows, len(sequence.token_ids))[0]) - 1


def _places(answer_of: np.ndarray) -> np.ndarray:
    """Which token of its answer each is, of sorted numbers (A,)."""
    return np.arange(len(answer_of)) - np.searchsorted(answer_of, answer_of)


def _padded(rows: Sequence[np.ndarray], value: int, length: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of several lengths as one array, and where it holds them."""
    counts = np.array([len(row) for row in rows])
    padded = np.full((len(rows), max(length, int(counts.max()))), value, dtype=np.int64)
    for target, row in zip(padded, rows):
        target[: len(row)] = row
    return padded, np.arange(padded.shape[1]) < counts[:, None]
