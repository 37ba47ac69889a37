"""The token layout of every distinct (instruction, objects) pair of a training set, computed once and gathered per
batch.

A layout is the sequence of `inspire_policy.sequence.training_sequence` with open places: the answers and codes of a
frame are written into it by the sampler.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inspire_policy.codecs.base import ActionCodec
from inspire_policy.sequence import collate, training_sequence
from inspire_policy.sequences.base import SequenceStyle
from inspire_policy.tokens import TextTokenizer, padded_instruction_ids
from inspire_training.expert.config import INSTRUCTION
from inspire_training.expert.prompts import told


class LayoutTable:
    """Arrays with one row per layout.

    Attributes:
        token_ids: (n, T). attention_bias: (n, 1, T, T). answer_rows, answer_mask: (n, K). offset_rows, object_mask:
            (n, K).
        query_rows: (n, Q). code_rows: (n, C). act_rows: (n,), the last row before queries or codes. instruction_ids:
            (n, L); L is 0 for a vision that is not told the instruction.
        prefix_rows, prefix_mask: (n, P), the rows of the prefix.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str, tuple[str, ...]]],
        style: SequenceStyle,
        codec: ActionCodec,
        tokenizer: TextTokenizer,
        *,
        questions: bool,
        text_length: int,
        any_word: str,
        template: str = INSTRUCTION,
    ) -> None:
        """template: how the sequence tells the instruction; the vision is told the bare one."""
        sequences = [
            training_sequence(
                style,
                told(template, instruction),
                [(name, any_word) for name in objects] if questions else [],
                queries=codec.queries,
                codes=[0] * codec.codes,
                code_values=codec.code_values,
            )
            for instruction, objects in pairs
        ]
        batch = collate(sequences, style.prefix_attention)
        self.token_ids = batch.token_ids
        self.attention_bias = batch.attention_bias
        self.answer_rows, self.answer_mask = batch.answer_rows, batch.answer_mask
        self.query_rows, self.code_rows = batch.query_rows, batch.code_rows
        ends = [(*s.query_rows, *s.code_rows, len(s.token_ids))[0] for s in sequences]
        self.act_rows = np.array(ends, dtype=np.int64) - 1
        lengths = np.array([s.prefix_length for s in sequences])
        rows = np.arange(lengths.max())
        self.prefix_mask = rows < lengths[:, None]
        self.prefix_rows = np.where(self.prefix_mask, rows, 0)
        most = max(len(objects) for _, objects in pairs)
        self.object_mask = np.array([[k < len(objects) for k in range(most)] for _, objects in pairs])
        self.offset_rows = self.answer_rows - 1 if questions else np.repeat(self.act_rows[:, None], most, axis=1)
        self.instruction_ids = (
            np.stack([padded_instruction_ids(tokenizer, i, text_length) for i, _ in pairs])
            if text_length
            else np.zeros((len(pairs), 0), dtype=np.int64)
        )
