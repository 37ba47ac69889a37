"""Batches from several files of frames; a batch is a pure function of (seed, step, process), so a resumed run repeats
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from inspire_policy.codecs.base import ActionCodec
from inspire_policy.directions import DirectionWords
from inspire_policy.sequences.base import SequenceStyle
from inspire_policy.tokens import UNKNOWN, TextTokenizer, text_ids, token_id
from inspire_training.batch import TrainingBatch
from inspire_training.data.answers import given_answers, toss_up
from inspire_training.data.augmentation import Augmentation, augmented
from inspire_training.data.frames import NO_OBJECT, FrameStore
from inspire_training.data.layouts import LayoutTable
from inspire_training.expert.config import INSTRUCTION
from inspire_training.expert.draws import expert_batch
from inspire_training.model.presets import PolicyConfig


class FrameSampler:
    """Draws frames of all stores, each store with its weight; one trajectory in `held_out` (by its seed) is kept for
    validation.
    """

    def __init__(
        self,
        stores: Sequence[FrameStore],
        weights: Sequence[float],
        config: PolicyConfig,
        style: SequenceStyle,
        codec: ActionCodec,
        tokenizer: TextTokenizer,
        words: DirectionWords,
        *,
        held_out: int = 20,
        answers: str = "direction",
    ) -> None:
        self._stores, self._config, self._codec = stores, config, codec
        pairs = list(dict.fromkeys(pair for store in stores for pair in store.pairs))
        number = {pair: i for i, pair in enumerate(pairs)}
        template = INSTRUCTION if config.expert is None else config.expert.template
        self._pair = [np.array([number[p] for p in store.pairs])[store.pair] for store in stores]
        self._layouts = LayoutTable(
            pairs,
            style,
            codec,
            tokenizer,
            questions=config.questions,
            text_length=config.text_length if config.vision.conditioned else 0,
            any_word=words.words[0],
            template=template,
        )
        self.answer_ids = np.array([style.answer_id(word) for word in words.words])
        self._axis_ids = np.array([style.answer_id(words.word(axis)) for axis in range(-3, 4)])
        self._name_axes = _axes_of_names(pairs) if answers == "name" else None
        self._code_ids = style.code_ids(codec.code_values)
        # Words are forgotten only where the vision is told them.
        self._unknown = token_id(tokenizer, UNKNOWN) if config.vision.conditioned else 0
        named = [
            set(i for name in objects for i in tokenizer.encode(name, add_special_tokens=False).ids)
            for _, objects in pairs
        ]
        self._named = np.array(
            [[i in names for i in row] for row, names in zip(self._layouts.instruction_ids, named)], dtype=bool
        )
        before = len(text_ids(tokenizer, template.partition(INSTRUCTION)[0]))
        self._text_start = config.perception_tokens + 1 + before  # behind <bos>
        self._training, self._validation = [], []
        for store in stores:
            kept = (store.seeds[store.trajectory] * 2654435761 >> 7) % held_out == 0
            self._training.append(np.flatnonzero(~kept))
            self._validation.append(np.flatnonzero(kept))
        shares = np.array([weight * len(rows) for weight, rows in zip(weights, self._training)], dtype=np.float64)
        if shares.sum() <= 0:
            raise ValueError(
                "training data: expected at least one training trajectory, found none; collect more demonstrations"
            )
        self._shares = shares / shares.sum()
        self._rarity = self._rarities()
        self.frames = sum(len(rows) for rows in self._training)

    def _rarities(self) -> np.ndarray:
        """How rare each answer -3..3 is among the training frames as they are drawn, ties left out, (7,); 1 is the
        mean.
        """
        counts = np.zeros(7)
        for share, store, rows in zip(self._shares, self._stores, self._training):
            axes = store.directions[rows]
            counted = (axes != NO_OBJECT) & ~toss_up(axes, store.offsets[rows])
            counts += share * np.bincount(axes[counted] + 3, minlength=7) / max(1, len(rows))
        return counts.sum() / 7 / np.maximum(counts, 1e-3 * counts.sum())

    def batch(self, size: int, augmentation: Augmentation, *seed: int) -> TrainingBatch:
        """A random training batch; the same `seed` numbers give the same batch."""
        rng = np.random.default_rng(seed)
        which = rng.choice(len(self._stores), size=size, p=self._shares)
        rows = np.array([self._training[s][rng.integers(len(self._training[s]))] for s in which])
        return self._assemble(which, rows, augmentation, rng)

    def validation(self, size: int, limit: int) -> Iterator[TrainingBatch]:
        """At most `limit` held-out frames, evenly spread, without augmentation."""
        which = np.concatenate([np.full(len(rows), s) for s, rows in enumerate(self._validation)])
        rows = np.concatenate(self._validation)
        chosen = (
            np.unique(np.linspace(0, len(rows) - 1, min(limit, len(rows))).astype(int))
            if len(rows)
            else np.zeros(0, int)
        )
        none = Augmentation(random_answers=0.0, counterfactual=0.0, colour=0.0, unknown_words=0.0)
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            yield self._assemble(which[part], rows[part], none, np.random.default_rng(0))

    def _assemble(
        self, which: np.ndarray, rows: np.ndarray, augmentation: Augmentation, rng: np.random.Generator
    ) -> TrainingBatch:
        def gather(arrays: Sequence[np.ndarray]) -> np.ndarray:
            return np.stack([arrays[s][r] for s, r in zip(which, rows)])

        table, size = self._layouts, len(rows)
        layout = gather(self._pair)
        most = table.object_mask.shape[1]
        directions = np.stack([_padded(self._stores[s].directions[r], most, NO_OBJECT) for s, r in zip(which, rows)])
        offsets = np.stack([_padded(self._stores[s].offsets[r], most, 0) for s, r in zip(which, rows)])
        chunk = gather([store.chunks for store in self._stores]).astype(np.float32)
        token_ids = table.token_ids[layout].copy()
        instruction_ids = table.instruction_ids[layout].copy()
        forget = (
            (rng.random(instruction_ids.shape) < augmentation.unknown_words)
            & (instruction_ids > 0)
            & ~self._named[layout]
        )
        instruction_ids[forget] = self._unknown
        item, place = np.nonzero(forget)
        token_ids[item, self._text_start + place] = self._unknown
        answer_ids = np.zeros((size, table.answer_rows.shape[1]), dtype=np.int64)
        expected = chunk
        if answer_ids.shape[1]:
            axes = self._name_axes[layout] if self._name_axes is not None else directions
            given, chunk = given_answers(
                axes,
                offsets,
                chunk,
                rng,
                random=augmentation.random_answers,
                counterfactual=augmentation.counterfactual,
            )
            answer_ids, fed = (self._axis_ids[np.clip(a, -3, 3) + 3] for a in (axes, given))
            item, place = np.nonzero(table.answer_mask[layout])
            token_ids[item, table.answer_rows[layout][item, place]] = fed[item, place]
        answer_mask = table.answer_mask[layout]
        if answer_ids.shape[1] and augmentation.balance:
            rarity = self._rarity[np.clip(directions, -3, 3) + 3] ** augmentation.balance
            # A rare answer to a tie is noise: weighed like the rare ones it is given too often, right where it hurts,
            # at the grasp, and the arm obeys it.
            rarity = np.where(toss_up(directions, offsets), np.minimum(rarity, 1.0), rarity)
            answer_mask = (answer_mask * rarity).astype(np.float32)
        codes = np.zeros((size, 0), dtype=np.int64)
        if self._codec.codes:
            codes = self._code_ids[np.stack([self._codec.encode(c) for c in chunk])]
            np.put_along_axis(token_ids, table.code_rows[layout], codes, axis=1)
        images = tuple(
            augmented(gather([store.images[c] for store in self._stores]), augmentation, rng)
            for c in range(len(self._config.cameras))
        )
        tensor = torch.from_numpy
        expert = self._config.expert
        return TrainingBatch(
            images=images,
            proprioception=tensor(gather([store.proprioception for store in self._stores])),
            instruction_ids=tensor(instruction_ids),
            token_ids=tensor(token_ids),
            attention_bias=tensor(table.attention_bias[layout]),
            answer_rows=tensor(table.answer_rows[layout]),
            answer_ids=tensor(answer_ids),
            answer_mask=tensor(answer_mask),
            offset_rows=tensor(table.offset_rows[layout]),
            offsets=tensor(offsets),
            object_mask=tensor(table.object_mask[layout]),
            query_rows=tensor(table.query_rows[layout]),
            code_rows=tensor(table.code_rows[layout]),
            codes=tensor(codes),
            chunk=tensor(chunk),
            expert=None
            if expert is None
            else expert_batch(expert, table, layout, rng, obeyed=(chunk != expected).any(axis=(1, 2))),
        )


def _axes_of_names(pairs: Sequence[tuple[str, tuple[str, ...]]]) -> np.ndarray:
    """Answers about nothing spatial, for a control: one word per object name, (pairs, K) signed axes."""
    names = sorted({name for _, objects in pairs for name in objects})
    most = max(len(objects) for _, objects in pairs)
    rows = [[names.index(name) % 7 - 3 for name in objects] for _, objects in pairs]
    return np.array([row + [NO_OBJECT] * (most - len(row)) for row in rows])


def _padded(row: np.ndarray, length: int, value: int) -> np.ndarray:
    if len(row) == length:
        return row
    return np.concatenate([row, np.full((length - len(row), *row.shape[1:]), value, dtype=row.dtype)])
