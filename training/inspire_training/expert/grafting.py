"""An expert on an earlier policy: what stage 1, or a training without or with an expert, has learned is kept."""

from __future__ import annotations

import dataclasses

import numpy as np
from tokenizers import Tokenizer

from inspire_policy.tokens import UNKNOWN, text_ids, token_id
from inspire_training.checkpoint import Checkpoint
from inspire_training.expert.config import INSTRUCTION
from inspire_training.expert.prompts import template_of
from inspire_training.model.policy import InspirePolicy
from inspire_training.model.presets import PolicyConfig


def with_template(config: PolicyConfig, tokenizer: Tokenizer, seed: int) -> PolicyConfig:
    """The configuration with the template that its prompt asks for, in words of the tokenizer."""
    assert config.expert is not None
    words = [word for word in tokenizer.get_vocab() if word.isalpha()]
    template = template_of(config.expert, words, tokenizer, seed)
    return dataclasses.replace(config, expert=dataclasses.replace(config.expert, template=template))


STRUCTURE = (
    "objective",
    "noise_levels",
    "chunk_length",
    "width",
    "layers",
    "heads",
    "queries",
    "language_layers",
    "prompt",
)


def continued(start: Checkpoint, wanted: PolicyConfig) -> Checkpoint:
    """A checkpoint with an expert, to be trained on with other settings. Raises ValueError for another structure."""
    found, asked = start.config.expert, wanted.expert
    assert found is not None and asked is not None
    for name in STRUCTURE:
        if getattr(found, name) != getattr(asked, name):
            raise ValueError(
                f"init: expected an expert with {name} {getattr(asked, name)}, found {getattr(found, name)}; name "
                f"the matching setting (--dit.{name.replace('_', '-')})"
            )
    config = dataclasses.replace(start.config, expert=dataclasses.replace(asked, template=found.template))
    model = InspirePolicy(config, start.tokenizer.get_vocab_size())
    model.load_state_dict(start.model.state_dict())
    return dataclasses.replace(start, model=model, config=config)


def grafted(start: Checkpoint, wanted: PolicyConfig, rows: np.ndarray, seed: int) -> Checkpoint:
    """A checkpoint's perception and language model with a fresh expert.

    Args:
        wanted: the configuration asked for; what the checkpoint decides (its parts, its objects) stays as it is.
        rows: (n, 7) of the training set. seed: see `template_of`.

    Raises:
        ValueError: another preset, a tokenizer that does not know the prompt.
    """
    found = start.config
    if found.preset != wanted.preset:
        raise ValueError(f"init: expected the preset {wanted.preset}, found {found.preset}; name the matching settings")
    config = dataclasses.replace(
        found, codec=wanted.codec, expert=wanted.expert, chunk_length=wanted.chunk_length, questions=wanted.questions
    )
    config = with_template(config, start.tokenizer, seed)
    assert config.expert is not None
    unknown = token_id(start.tokenizer, UNKNOWN) if start.tokenizer.token_to_id(UNKNOWN) is not None else None
    if unknown in text_ids(start.tokenizer, config.expert.template.replace(INSTRUCTION, "")):
        raise ValueError(
            "init: expected a tokenizer that knows the spatial prompt, found one that does not; start from a "
            "grounding run, or from nothing, or with --dit.prompt none"
        )
    model = InspirePolicy(config, start.tokenizer.get_vocab_size())
    kept = {name: value for name, value in start.model.state_dict().items() if not name.startswith("head.")}
    if config.questions != found.questions:
        kept = {name: value for name, value in kept.items() if not name.startswith("offset_head.")}
    missing, surplus = model.load_state_dict(kept, strict=False)
    other = [name for name in missing if not name.startswith(("expert.", "offset_head."))]
    if other or surplus:
        raise ValueError(f"init: expected the weights of this preset, found others: {', '.join([*other, *surplus])}")
    assert model.expert is not None
    model.expert.set_statistics(rows.mean(0).tolist(), rows.std(0).tolist())
    return dataclasses.replace(start, model=model, config=config, codec_arrays={}, step=0, seconds=0.0)
