"""Grounding examples as batches for a small policy: images through its own geometry, answers in location tokens.

A batch is a pure function of (seed, step, process). Images are shifted and scaled at random in training, and every
coordinate with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from tokenizers import Tokenizer

from inspire_policy.pixel_maps import PixelMap, pixel_map
from inspire_policy.proprioception import PROPRIOCEPTION_SIZE
from inspire_policy.sequence import attention_bias
from inspire_policy.sequences.base import SequenceStyle
from inspire_policy.tokens import SEPARATOR, text_ids, token_id
from inspire_training.data.augmentation import Augmentation, augmented
from inspire_training.grounding.batch import GroundingBatch
from inspire_training.grounding.coordinates import CoordinateCodec, make_coordinates
from inspire_training.grounding.examples import Example, Mixture
from inspire_training.grounding.tasks import Answer
from inspire_training.grounding.vocabulary import location_ids, location_steps
from inspire_training.model.presets import PolicyConfig

FILL = (127, 127, 127)  # behind the image's edges; to go on with its last pixels would enlarge what lies there


@dataclass(frozen=True, kw_only=True)
class Framing:
    """Random changes of an image. window: largest change of its window's place and of its size, as shares of it."""

    window: float = 0.08
    colour: float = 0.1


STILL = Framing(window=0.0, colour=0.0)


@dataclass(frozen=True)
class Framed:
    """An example in the model's image: its images, and the answer in px of the first; `way` leads there."""

    example: Example
    images: list[np.ndarray | None]
    answer: Answer
    way: PixelMap


class Framer:
    """Puts examples into a configuration's images. Raises ValueError for one whose answer its crop cuts off."""

    def __init__(self, config: PolicyConfig) -> None:
        self._cameras = config.cameras

    def frame(self, example: Example, framing: Framing, rng: np.random.Generator) -> Framed:
        """The example in a random window of its image; in the whole one where too little of the answer is left."""
        window = random_window(example.size, framing.window, rng) if framing.window else None
        framed = self._framed(example, window) or self._framed(example, None)
        if framed is None:
            raise ValueError(
                f"grounding {example.task}: expected its answer inside the model's image, found it cut off by the crop"
            )
        return framed

    def _framed(self, example: Example, window: tuple[int, int, int, int] | None) -> Framed | None:
        first = self._cameras[0]
        picture, moved = _windowed(example, window)
        way = pixel_map(first.geometry, *moved.size).after(moved)
        answer = example.answer.mapped(way).clipped(way.size)
        if answer is None:
            return None
        images: list[np.ndarray | None] = [first.geometry.apply(picture)]
        for camera in self._cameras[1:]:
            other = example.images.get(camera.name)
            images.append(None if other is None else camera.geometry.apply(other))
        return Framed(example, images, answer, way)


class GroundingSampler:
    """Batches of a mixture for a policy's configuration, tokenizer and style."""

    def __init__(self, mixture: Mixture, config: PolicyConfig, style: SequenceStyle, tokenizer: Tokenizer) -> None:
        self.mixture, self._config, self._style, self._tokenizer = mixture, config, style, tokenizer
        self._framer = Framer(config)
        first = config.cameras[0]
        self.codec: CoordinateCodec = make_coordinates(
            "location", (first.width, first.height), location_steps(tokenizer)
        )
        self._locations = torch.tensor(location_ids(tokenizer))
        self._end = token_id(tokenizer, SEPARATOR)
        self._text_length = config.text_length if config.vision.conditioned else 0
        self._encoded = lru_cache(maxsize=20_000)(self._encode)
        self._bias = lru_cache(maxsize=2_000)(self._make_bias)

    def batch(self, size: int, framing: Framing, *seed: int) -> GroundingBatch:
        """A random training batch; the same `seed` numbers give the same batch."""
        rng = np.random.default_rng(seed)
        return self.assemble([self.mixture.draw(rng) for _ in range(size)], framing, rng)[0]

    def assemble(
        self, examples: Sequence[Example], framing: Framing, rng: np.random.Generator, *, room: int = 0
    ) -> tuple[GroundingBatch, list[Framed]]:
        """The batch of some examples, and how each was framed.

        room: further rows behind the longest answer, for a model that says more than is right.
        """
        framed = [self._framer.frame(example, framing, rng) for example in examples]
        prompts = [self._encoded(example.prompt.prompt, example.prompt.question) for example in examples]
        answers = [self._answer(f.answer) for f in framed]
        size, rows = len(framed), max(len(p) + len(a) for (p, _), (a, _) in zip(prompts, answers)) + room
        most = max(len(ids) for ids, _ in answers)
        token_ids = np.zeros((size, rows), dtype=np.int64)
        bias = np.empty((size, 1, rows, rows), dtype=np.float32)
        answer_rows, answer_ids = np.ones((size, most), np.int64), np.zeros((size, most), np.int64)
        places, mask = np.full((size, most), -1.0, np.float32), np.zeros((size, most), bool)
        for i, ((prompt, prefix), (ids, exact)) in enumerate(zip(prompts, answers)):
            start, count = len(prompt), len(ids)
            token_ids[i, :start], token_ids[i, start : start + count] = prompt, ids
            bias[i, 0] = self._bias(rows, prefix)
            answer_rows[i, :count] = np.arange(start, start + count)
            answer_ids[i, :count], places[i, :count], mask[i, :count] = ids, exact, True
        conditions = [self._condition(example.prompt.condition) for example in examples]
        felt = [np.zeros(PROPRIOCEPTION_SIZE) if e.proprioception is None else e.proprioception for e in examples]
        tensor = torch.from_numpy
        return GroundingBatch(
            images=tuple(
                self._stacked([f.images[c] for f in framed], framing, rng) for c in range(len(framed[0].images))
            ),
            proprioception=tensor(np.stack(felt).astype(np.float32)),
            instruction_ids=tensor(np.stack(conditions)),
            token_ids=tensor(token_ids),
            attention_bias=tensor(bias),
            answer_rows=tensor(answer_rows),
            answer_ids=tensor(answer_ids),
            answer_mask=tensor(mask),
            answer_places=tensor(places),
            location_ids=self._locations,
        ), framed

    def _condition(self, text: str) -> np.ndarray:
        if not self._text_length:
            return np.zeros(0, dtype=np.int64)
        ids = np.zeros(self._text_length, dtype=np.int64)
        words = text_ids(self._tokenizer, text)[: self._text_length]  # a public set's question may be long
        ids[: len(words)] = words
        return ids

    def _stacked(
        self, images: Sequence[np.ndarray | None], framing: Framing, rng: np.random.Generator
    ) -> torch.Tensor | None:
        present = [image for image in images if image is not None]
        if not present:
            return None
        blank = np.zeros_like(present[0])
        stacked = np.stack([blank if image is None else image for image in images])
        return augmented(stacked, Augmentation(colour=framing.colour), rng)

    def _answer(self, answer: Answer) -> tuple[np.ndarray, np.ndarray]:
        """Ids of an answer and its end, and the exact locations, -1 for what is none."""
        if answer.shape == "text":
            ids = text_ids(self._tokenizer, answer.text)
            return np.array([*ids, self._end]), np.full(len(ids) + 1, -1.0)
        values = self.codec.encode(answer.values).ravel()
        exact = self.codec.exact(answer.values).ravel()
        ids = self._locations[torch.from_numpy(values)].tolist()
        return np.array([*ids, self._end]), np.array([*exact, -1.0])

    def _encode(self, prompt: str, question: str) -> tuple[np.ndarray, int]:
        """Ids up to the answer, and how many of them are the prefix."""
        prefix = self._style.prefix_ids(prompt)
        return np.concatenate([prefix, np.array(text_ids(self._tokenizer, question), dtype=np.int64)]), len(prefix)

    def _make_bias(self, rows: int, prefix: int) -> np.ndarray:
        both_ways = prefix if self._style.prefix_attention == "bidirectional" else 0
        return attention_bias(rows, cached=0, cache_length=0, bidirectional=both_ways)


def random_view(example: Example, framing: Framing, rng: np.random.Generator) -> tuple[np.ndarray, PixelMap, Answer]:
    """A random window of an example's image, the way into it, and the answer there; the whole image where too little
    of the answer would be left.
    """
    if framing.window:
        picture, way = _windowed(example, random_window(example.size, framing.window, rng))
        answer = example.answer.mapped(way).clipped(way.size)
        if answer is not None:
            coloured = augmented(picture[None].copy(), Augmentation(colour=framing.colour), rng)
            return coloured[0].numpy(), way, answer
    picture, way = _windowed(example, None)
    return picture, way, example.answer.clipped(way.size) or example.answer


def random_window(size: tuple[int, int], share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Left, top, width, height px of a window of about the image, with its aspect ratio."""
    scale = 1.0 + rng.uniform(-share, share)
    width, height = round(size[0] * scale), round(size[1] * scale)
    left = (size[0] - width) / 2 + size[0] * rng.uniform(-share, share)
    top = (size[1] - height) / 2 + size[1] * rng.uniform(-share, share)
    return round(left), round(top), width, height


def _windowed(example: Example, window: tuple[int, int, int, int] | None) -> tuple[np.ndarray, PixelMap]:
    """A window of the first image, grey where there is none, and the way into it; the whole image without a window."""
    left, top, width, height = window or (0, 0, *example.size)
    image = next(iter(example.images.values()))
    rows, columns = image.shape[:2]
    margin = max(0, -left, -top, left + width - columns, top + height - rows)
    if margin:
        image = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=FILL)
    picture = image[top + margin : top + margin + height, left + margin : left + margin + width]
    return picture, PixelMap((1.0, 1.0), (-float(left), -float(top)), (width, height))
