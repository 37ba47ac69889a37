"""A model's answers to grounding questions, one interface for small policies and chat models.

Answers are decoded greedily and freely: any token may come, and what cannot be read is counted, not repaired. Location
tokens can be read finer than their steps, as the mean of the model's own distribution around the token it said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from inspire_policy.tokens import PAD, SEPARATOR, token_id
from inspire_training.grounding.batch import GroundingBatch
from inspire_training.grounding.coordinates import CoordinateCodec
from inspire_training.grounding.examples import Example
from inspire_training.grounding.sampler import STILL, Framed, GroundingSampler
from inspire_training.grounding.tasks import expected_rows, parse

WINDOW = 4  # steps on either side of a location that its refinement looks at
EXTRA_TOKENS = 4  # said beyond the right answer's length before the model is cut off


@dataclass(frozen=True)
class Reply:
    """What a model said to one question.

    Attributes:
        text: as said. values: boxes (n, 4) or points (n, 2), px of the SOURCE image; None when unparsable, or when the
            answer is a word. error: why it is unparsable, "" otherwise.
    """

    text: str
    values: np.ndarray | None = None
    error: str = ""


class Responder(Protocol):
    """Whatever answers questions."""

    def reply(self, examples: Sequence[Example]) -> list[Reply]:
        """One reply per question; never raises for what a model says."""


class PolicyResponder:
    """A small policy with location tokens.

    Args:
        sampler: frames the questions as in training. refine: read locations finer than their steps.
    """

    def __init__(self, model: Any, sampler: GroundingSampler, tokenizer: Tokenizer, *, refine: bool = True) -> None:
        self._model, self._sampler, self._tokenizer, self._refine = model, sampler, tokenizer, refine

    def reply(self, examples: Sequence[Example]) -> list[Reply]:
        """See Responder."""
        rng = np.random.default_rng(0)
        batch, framed = self._sampler.assemble(examples, STILL, rng, room=EXTRA_TOKENS)
        device = next(self._model.parameters()).device
        ids, places = generate(
            self._model,
            batch.to(device),
            batch.answer_ids.shape[1] + EXTRA_TOKENS,
            end=token_id(self._tokenizer, SEPARATOR),
            pad=token_id(self._tokenizer, PAD),
        )
        return [self._read(f, *said) for f, *said in zip(framed, ids.tolist(), places.cpu().numpy())]

    def _read(self, framed: Framed, ids: list[int], places: np.ndarray) -> Reply:
        end = token_id(self._tokenizer, SEPARATOR)
        length = ids.index(end) if end in ids else len(ids)
        text = " ".join(str(self._tokenizer.id_to_token(i)) for i in ids[:length])
        if end not in ids:
            return Reply(text, None, "no end")
        finer = places[:length] if self._refine else None
        return read_reply(text, framed, self._sampler.codec, finer)


def read_reply(text: str, framed: Framed, codec: CoordinateCodec, finer: np.ndarray | None = None) -> Reply:
    """A said text as geometry in px of the source image. finer: exact locations of its tokens, where known."""
    task = framed.example.task
    if framed.answer.shape == "text":
        return Reply(text)
    try:
        values = parse(text, task, codec)
    except ValueError as error:
        return Reply(text, None, str(error))
    if finer is not None:
        rows, columns = expected_rows(task)
        values = codec.decode(np.clip(finer, 0, codec.steps[0]).reshape(-1, 2)).reshape(rows, columns)
    back = framed.way.inverse(framed.example.size)
    return Reply(text, back.boxes(values) if values.shape[1] == 4 else back.points(values))


@torch.inference_mode()
def generate(model: Any, batch: GroundingBatch, count: int, *, end: int, pad: int) -> tuple[Tensor, Tensor]:
    """Greedy answers to a batch's prompts; its right answers are not looked at.

    The images are looked at once; the sequence is read anew for every token, which is cheap at this size.

    Returns:
        ids (B, count), `pad` behind the end; exact locations (B, count), -1 for tokens that are none.
    """
    start = batch.answer_rows[:, 0]
    rows = torch.arange(batch.token_ids.shape[1], device=start.device)
    tokens = torch.where(rows >= start[:, None], torch.full_like(batch.token_ids, pad), batch.token_ids)
    seen, _ = model.perception(batch.images, batch.proprioception, batch.instruction_ids)
    said, places = [], []
    ended = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    first = int(batch.location_ids[0])
    for step in range(count):
        row = (start + step).clamp(max=len(rows) - 1)
        hidden = model.backbone.at_rows(model.embed(tokens, seen), batch.attention_bias, row[:, None] - 1)
        logits = model.backbone.logits(hidden)[:, 0].float()
        chosen = torch.where(ended, torch.full_like(row, pad), logits.argmax(dim=-1))
        said.append(chosen)
        places.append(_exact(logits[:, batch.location_ids], chosen - first))
        tokens = tokens.scatter(1, row[:, None], chosen[:, None])
        ended |= chosen == end
        if ended.all():
            break
    filler = count - len(said)
    ids = torch.nn.functional.pad(torch.stack(said, dim=1), (0, filler), value=pad)
    return ids, torch.nn.functional.pad(torch.stack(places, dim=1), (0, filler), value=-1.0)


def _exact(logits: Tensor, chosen: Tensor) -> Tensor:
    """Mean location (B,) of the distribution (B, L) near the chosen one; -1 where that is no location."""
    steps = torch.arange(logits.shape[1], device=logits.device)
    near = (steps - chosen[:, None]).abs() <= WINDOW
    shares = logits.masked_fill(~near, -torch.inf).softmax(dim=-1)
    valid = (chosen >= 0) & (chosen < logits.shape[1])
    mean = (shares.nan_to_num(0.0) * steps).sum(dim=-1)
    return torch.where(valid, mean, torch.full_like(mean, -1.0))
