"""The word-level tokenizer of a small model that says locations: the policies' own, with location tokens behind."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, models
from torch import Tensor

from inspire_policy.directions import REP103, question
from inspire_policy.tokens import UNKNOWN, build_tokenizer, token_id
from inspire_training.grounding import prompt as prompts
from inspire_training.grounding.coordinates import LOCATION_STEPS, location_token


def grounding_tokenizer(
    instructions: Iterable[str],
    names: Iterable[str],
    texts: Iterable[str] = (),
    *,
    queries: int,
    steps: int = LOCATION_STEPS,
) -> Tokenizer:
    """A tokenizer for all questions about some instructions and objects, with <loc_0> .. <loc_steps> as the last ids.

    Args:
        texts: further questions. queries: query tokens, so that an action can be learned on top of it.
    """
    texts = [*texts, *map(question, names)]
    for name in names:
        texts += [prompts.box_prompt(name).text, prompts.point_prompt(name).text]
    for instruction in instructions:
        texts += [instruction, prompts.plan_prompt(instruction).text, prompts.trace_prompt(instruction).text]
    plain = build_tokenizer(texts, REP103.words, queries, 0)
    vocabulary = plain.get_vocab()
    first = len(vocabulary)
    vocabulary |= {location_token(value): first + value for value in range(steps + 1)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = plain.normalizer, plain.pre_tokenizer
    return tokenizer


def location_steps(tokenizer: Tokenizer) -> int:
    """The largest location that a tokenizer can say. Raises ValueError when it has no location tokens."""
    steps = -1
    while tokenizer.token_to_id(location_token(steps + 1)) is not None:
        steps += 1
    if steps < 1:
        raise ValueError("tokenizer: expected location tokens <loc_0>, <loc_1>, ..., found none; ground it first")
    return steps


def location_ids(tokenizer: Tokenizer) -> list[int]:
    """Ids of the location tokens, in order. Raises ValueError."""
    return [token_id(tokenizer, location_token(value)) for value in range(location_steps(tokenizer) + 1)]


@torch.no_grad()
def order_locations(embeddings: Tensor, ids: list[int], *, bands: int = 6) -> None:
    """Begin with neighbouring locations alike: their rows of an embedding table (V, width) become fixed mixtures of
    sines and cosines of the location, of the same size as before.
    """
    place = torch.linspace(-1.0, 1.0, len(ids)).unsqueeze(1)
    angles = place * torch.pi * 2.0 ** torch.arange(bands)
    waves = torch.cat([place, angles.sin(), angles.cos()], dim=1)
    mixed = waves @ torch.randn(waves.shape[1], embeddings.shape[1]) / waves.shape[1] ** 0.5
    embeddings[torch.tensor(ids)] = (mixed / mixed.std() * embeddings.std()).to(embeddings)
