"""Batches from several files of frames; a batch is a pure function of (seed, step, process), so a resumed run repeats
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.codecs.base import ActionCodec
from inspire_policy.directions import DirectionWords
from inspire_policy.sequences.base import SequenceStyle
from inspire_policy.tokens import UNKNOWN, TextTokenizer, text_ids, token_id
from inspire_training.batch import TrainingBatch
from inspire_training.data.answers import given_answers, toss_up
from inspire_training.data.augmentation import Augmentation, augmented
from inspire_training.data.damage import DamagedFrame
from inspire_training.data.frames import NO_OBJECT, FrameStore
from inspire_training.data.layouts import LayoutTable
from inspire_training.data.said import Answering, Said
from inspire_training.expert.config import INSTRUCTION
from inspire_training.expert.draws import expert_batch
from inspire_training.model.presets import PolicyConfig

ATTEMPTS = 100  # draws in the place of a frame that cannot be read, before a run gives up


class FrameSampler:
    """Draws frames of all stores, each store with its weight; one trajectory in `held_out` (by its seed) is kept for
    validation.

    Attributes:
        frames: to train on. damaged: file -> how often one of its frames was drawn that could not be read.
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
        vocabulary = AnswerVocabulary(style, words)
        self._layouts = LayoutTable(
            pairs,
            style,
            codec,
            tokenizer,
            vocabulary,
            questions=config.questions,
            text_length=config.text_length if config.vision.conditioned else 0,
            template=template,
        )
        self.answer_ids = np.unique(np.concatenate(vocabulary.ids))
        self._answering = Answering(style.question_mode, vocabulary, words)
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
        self.damaged: Counter[str] = Counter()

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
        which, rows = self._drawn(size, rng)
        images = self._read(which, rows, seed)
        return self._assemble(which, rows, images, augmentation, rng)

    def _drawn(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Which store and which of its frames, (size,) each."""
        which = rng.choice(len(self._stores), size=size, p=self._shares)
        return which, np.array([self._training[s][rng.integers(len(self._training[s]))] for s in which])

    def _read(self, which: np.ndarray, rows: np.ndarray, seed: tuple[int, ...]) -> list[np.ndarray]:
        """The images of some frames by camera, (B, H, W, 3). A frame that cannot be read is counted and, in place,
        replaced by another one, the same in every run over the same files.
        """
        found: list[list[np.ndarray]] = []
        for item in range(len(rows)):
            rng = np.random.default_rng((*seed, item, 1))
            for attempt in range(ATTEMPTS):
                store = self._stores[which[item]]
                try:
                    found.append([images[int(rows[item])] for images in store.images])
                    break
                except DamagedFrame:
                    self.damaged[store.source] += 1
                    if attempt + 1 == ATTEMPTS:
                        raise
                    (which[item],), (rows[item],) = self._drawn(1, rng)
        return [np.stack(images) for images in zip(*found)]

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
            drawn, kept = which[part].copy(), rows[part].copy()
            images = self._read(drawn, kept, (start,))
            yield self._assemble(drawn, kept, images, none, np.random.default_rng(0))

    def _assemble(
        self,
        which: np.ndarray,
        rows: np.ndarray,
        images: Sequence[np.ndarray],
        augmentation: Augmentation,
        rng: np.random.Generator,
    ) -> TrainingBatch:
        def gather(arrays: Sequence[np.ndarray]) -> np.ndarray:
            return np.stack([arrays[s][r] for s, r in zip(which, rows)])

        table, config = self._layouts, self._config
        pair = gather(self._pair)
        most = max(store.directions.shape[1] for store in self._stores)
        directions = np.stack([_padded(self._stores[s].directions[r], most, NO_OBJECT) for s, r in zip(which, rows)])
        offsets = np.stack([_padded(self._stores[s].offsets[r], most, 0) for s, r in zip(which, rows)])
        expected = gather([store.chunks for store in self._stores]).astype(np.float32)
        instruction_ids = table.instruction_ids[pair].copy()
        forget = (
            (rng.random(instruction_ids.shape) < augmentation.unknown_words)
            & (instruction_ids > 0)
            & ~self._named[pair]
        )
        instruction_ids[forget] = self._unknown
        chunk = expected
        said = Said(*[np.zeros(directions.shape, dtype=np.int64)] * 2)
        if config.questions:
            said, chunk = self._said(pair, directions, offsets, expected, augmentation, rng)
        codes = [self._code_ids[self._codec.encode(c)] if self._codec.codes else _NO_CODES for c in chunk]
        felt = gather([store.proprioception for store in self._stores])
        layouts = table.gather(pair, self._answering.lengths[said.fed], np.array([len(c) for c in codes]), felt)
        token_ids = layouts.token_ids
        item, place = np.nonzero(forget)
        token_ids[item, self._text_start + place] = self._unknown
        answer_ids, known = self._answering.write(said, layouts, token_ids)
        answer_mask = known
        if config.questions and augmentation.balance:
            rarity = self._rarity[np.clip(directions, -3, 3) + 3] ** augmentation.balance
            # A rare answer to a tie is noise: weighed like the rare ones it is given too often, right where it hurts,
            # at the grasp, and the arm obeys it.
            rarity = np.where(toss_up(directions, offsets), np.minimum(rarity, 1.0), rarity)
            answer_mask = (known * np.take_along_axis(rarity, layouts.answer_of, axis=1)).astype(np.float32)
        code_ids = np.zeros(layouts.code_rows.shape, dtype=np.int64)
        code_ids[layouts.code_mask] = np.concatenate([*codes, _NO_CODES])
        item, place = np.nonzero(layouts.code_mask)
        token_ids[item, layouts.code_rows[item, place]] = code_ids[item, place]
        changed = tuple(augmented(taken, augmentation, rng) for taken in images)
        tensor = torch.from_numpy
        return TrainingBatch(
            images=changed,
            proprioception=tensor(felt),
            instruction_ids=tensor(instruction_ids),
            token_ids=tensor(token_ids),
            attention_bias=tensor(layouts.attention_bias),
            answer_rows=tensor(layouts.answer_rows),
            answer_ids=tensor(answer_ids),
            answer_mask=tensor(answer_mask),
            offset_rows=tensor(layouts.offset_rows),
            offsets=tensor(offsets),
            object_mask=tensor(layouts.object_mask),
            query_rows=tensor(layouts.query_rows),
            code_rows=tensor(layouts.code_rows),
            codes=tensor(code_ids),
            code_mask=tensor(layouts.code_mask),
            end_rows=tensor(layouts.end_rows),
            end_ids=tensor(layouts.end_ids),
            end_mask=tensor(layouts.end_mask),
            chunk=tensor(chunk),
            expert=None
            if config.expert is None
            else expert_batch(config.expert, layouts, rng, obeyed=(chunk != expected).any(axis=(1, 2))),
        )

    def _said(
        self,
        pair: np.ndarray,
        directions: np.ndarray,
        offsets: np.ndarray,
        chunk: np.ndarray,
        augmentation: Augmentation,
        rng: np.random.Generator,
    ) -> tuple[Said, np.ndarray]:
        """The answers of some frames and their chunks, which a counterfactual answer changes."""
        answering = self._answering
        if answering.mode != "direction":
            right = answering.of_offsets(offsets, directions)
            drawn = rng.random(right.shape) < augmentation.random_answers
            return Said(right, np.where(drawn, answering.random(right.shape, rng), right)), chunk
        axes = self._name_axes[pair] if self._name_axes is not None else directions
        given, chunk = given_answers(
            axes,
            offsets,
            chunk,
            rng,
            random=augmentation.random_answers,
            counterfactual=augmentation.counterfactual,
        )
        return Said(answering.of_axes(axes), answering.of_axes(given)), chunk


_NO_CODES = np.zeros(0, dtype=np.int64)


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
