"""How an expert's instruction is told: the template that a checkpoint and its bundle carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inspire_policy.tokens import TextTokenizer, text_ids
from inspire_training.expert.config import INSTRUCTION, ExpertConfig
from inspire_training.grounding.prompt import spatial_prompt


def template_of(config: ExpertConfig, words: Sequence[str], tokenizer: TextTokenizer, seed: int) -> str:
    """The template of the setting `prompt`.

    Args:
        words: those that random padding is made of. tokenizer: counts how much is needed. seed: of the words drawn.
    """
    told = spatial_prompt(INSTRUCTION)
    if config.prompt == "spatial":
        return told
    if config.prompt == "none":
        return INSTRUCTION
    length = len(text_ids(tokenizer, told.replace(INSTRUCTION, "")))
    drawn = np.random.default_rng(seed).choice(np.array(sorted(words)), length)
    return " ".join([INSTRUCTION, *drawn.tolist()])


def told(template: str, instruction: str) -> str:
    """The instruction in its template."""
    return template.replace(INSTRUCTION, instruction)
