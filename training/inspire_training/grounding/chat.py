"""A vision-language model of transformers (Qwen2.5-VL and its kind) as one that answers grounding questions.

Coordinates are absolute pixels of the image as its processor resizes it, written as JSON, as these models were
trained. The chat turns are put together here from the tokenizer's own special tokens, so that a prompt's states are the
same with and without an answer behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inspire_policy.pixel_maps import PixelMap, window_map
from inspire_policy.sequence import IGNORED
from inspire_training.grounding.answering import Reply, read_reply
from inspire_training.grounding.coordinates import CoordinateCodec, make_coordinates
from inspire_training.grounding.examples import Example
from inspire_training.grounding.sampler import STILL, Framed, Framing, random_view

SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
BEFORE, BEHIND = "<|im_start|>user\n<|vision_start|>", "<|vision_end|>{text}<|im_end|>\n<|im_start|>assistant\n"
IMAGE, END, PAD = "<|image_pad|>", "<|im_end|>", "<|endoftext|>"
_SPECIAL = re.compile(r"(<\|[a-z_]+\|>)")
MAX_ANSWER = 160  # tokens


@dataclass(frozen=True)
class ChatParts:
    """A model and what feeds it: its image processor and tokenizer, of transformers."""

    model: Any
    images: Any
    tokenizer: Any

    @classmethod
    def load(cls, folder: Path) -> ChatParts:
        """From a folder on disk; nothing is downloaded. Raises ValueError when something is missing in it."""
        from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

        import inspire_training.model.libraries  # noqa: F401 - makes torchvision importable

        try:
            model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
            images = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"backbone: expected a vision-language model with its image processor and tokenizer in {folder}, found "
                f"{error}"
            ) from error
        missing = [name for name in (IMAGE, END, PAD) if tokenizer.convert_tokens_to_ids(name) in (None, -1)]
        if missing:
            raise ValueError(f"backbone: expected the tokens {', '.join(missing)} in the tokenizer of {folder}")
        return cls(model, images, tokenizer)

    def save(self, folder: Path) -> None:
        """Write all three."""
        for part in (self.model, self.images, self.tokenizer):
            part.save_pretrained(folder)


@dataclass(frozen=True)
class ChatBatch:
    """What the model takes, right-padded, and what came from where.

    Attributes:
        inputs: keyword arguments of the model. labels: (B, T), IGNORED but for the answers and their end.
        starts: (B,) row of the first answer token. framed, codecs: of each example.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    starts: list[int]
    framed: list[Framed]
    codecs: list[CoordinateCodec]


class ChatCollator:
    """Examples as batches of a chat model."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts

    def batch(self, examples: Sequence[Example], framing: Framing, rng: np.random.Generator) -> ChatBatch:
        """The batch of some examples with their answers."""
        framed, codecs, pixels, grids = [], [], [], []
        for example in examples:
            item, codec, found = self._framed(example, framing, rng)
            framed.append(item)
            codecs.append(codec)
            pixels.append(found["pixel_values"])
            grids.append(found["image_grid_thw"])
        merged = [int(grid.prod()) // self._parts.images.merge_size**2 for grid in grids]
        prompts = [self._ids(f.example.prompt.text, count) for f, count in zip(framed, merged)]
        answers = [self._text_ids(f.answer.render(c) + END) for f, c in zip(framed, codecs)]
        rows = max(len(p) + len(a) for p, a in zip(prompts, answers))
        pad = self._parts.tokenizer.convert_tokens_to_ids(PAD)
        ids = torch.full((len(framed), rows), pad)
        labels, seen = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
        for i, (prompt, answer) in enumerate(zip(prompts, answers)):
            end = len(prompt) + len(answer)
            ids[i, :end] = torch.tensor(prompt + answer)
            labels[i, len(prompt) : end] = torch.tensor(answer)
            seen[i, :end] = 1
        image = self._parts.tokenizer.convert_tokens_to_ids(IMAGE)
        inputs = {
            "input_ids": ids,
            "attention_mask": seen,
            "mm_token_type_ids": (ids == image).int(),
            "pixel_values": torch.cat(pixels),
            "image_grid_thw": torch.cat(grids),
        }
        return ChatBatch(inputs, labels, [len(p) for p in prompts], framed, codecs)

    def _framed(
        self, example: Example, framing: Framing, rng: np.random.Generator
    ) -> tuple[Framed, CoordinateCodec, dict[str, Tensor]]:
        picture, moved, answer = random_view(example, framing, rng)
        found = self._parts.images(images=[picture], return_tensors="pt")
        _, rows, columns = found["image_grid_thw"][0].tolist()
        size = (columns * self._parts.images.patch_size, rows * self._parts.images.patch_size)
        way: PixelMap = window_map(0, 0, picture.shape[1], picture.shape[0], size).after(moved)
        resized = answer.mapped(window_map(0, 0, picture.shape[1], picture.shape[0], size))
        return Framed(example, [picture], resized, way), make_coordinates("pixels", size), found

    def _ids(self, text: str, patches: int) -> list[int]:
        return self._text_ids(SYSTEM + BEFORE + IMAGE * patches) + self._text_ids(BEHIND.format(text=_plain(text)))

    def _text_ids(self, text: str) -> list[int]:
        """Ids of a text in which special tokens are meant."""
        return list(self._parts.tokenizer(text, add_special_tokens=False)["input_ids"])


class ChatResponder:
    """See `answering.Responder`. One question at a time, greedily."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts, self._collator = parts, ChatCollator(parts)

    @torch.inference_mode()
    def reply(self, examples: Sequence[Example]) -> list[Reply]:
        """See Responder."""
        self._parts.model.eval()
        return [self._one(example) for example in examples]

    def _one(self, example: Example) -> Reply:
        batch = self._collator.batch([example], STILL, np.random.default_rng(0))
        start = batch.starts[0]
        device = self._parts.model.device
        inputs = {
            name: (value[:, :start] if value.ndim == 2 and name not in ("pixel_values", "image_grid_thw") else value)
            for name, value in batch.inputs.items()
        }
        said = self._parts.model.generate(
            **{name: value.to(device) for name, value in inputs.items()},
            max_new_tokens=MAX_ANSWER,
            do_sample=False,
            eos_token_id=self._parts.tokenizer.convert_tokens_to_ids(END),
            pad_token_id=self._parts.tokenizer.convert_tokens_to_ids(PAD),
        )[0, start:]
        text = self._parts.tokenizer.decode(said, skip_special_tokens=True).strip()
        return read_reply(text, batch.framed[0], batch.codecs[0])


def _plain(text: str) -> str:
    """A text that cannot smuggle in special tokens."""
    return _SPECIAL.sub(lambda match: match[1].replace("|", " "), text)
