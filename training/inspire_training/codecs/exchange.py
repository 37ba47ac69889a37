"""FAST in the place of the codec that a checkpoint was trained with: tokenizer and embedding table grow by the codes.

Only where codes are extra tokens behind the vocabulary (chat turns): there new ones can be added. The embeddings of new
tokens begin as the mean of the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from tokenizers import Tokenizer

from inspire_training.checkpoint import Checkpoint, policy_of
from inspire_training.published.tokenizer import EXTRA, with_extra_tokens

TABLE = "backbone.model.embed_tokens.weight"


def with_fast(start: Checkpoint, arrays: Mapping[str, np.ndarray]) -> Checkpoint:
    """The checkpoint speaking the codes of a FAST tokenizer (the arrays of its codec.npz), at step 0.

    Raises ValueError for a sequence style or language model whose vocabulary cannot grow.
    """
    state = start.model.state_dict()
    if start.config.style != "minivla" or TABLE not in state:
        raise ValueError(
            f"init: expected a checkpoint with FAST codes, or one that speaks in chat turns, found "
            f"{start.config.codec} in style {start.config.style}; train from nothing, or name its own codec"
        )
    config = dataclasses.replace(start.config, codec="fast")
    codec = dataclasses.replace(start, config=config, codec_arrays=dict(arrays)).codec()
    tokenizer = with_extra_tokens(Tokenizer.from_str(start.tokenizer.to_str()), max(EXTRA, codec.code_values))
    table = state[TABLE]
    rows = max(len(table), tokenizer.get_vocab_size())
    config = dataclasses.replace(config, backbone=dataclasses.replace(config.backbone, rows=rows))
    state[TABLE] = torch.cat([table, table.mean(0, keepdim=True).expand(rows - len(table), -1)])
    model = policy_of(config, tokenizer.get_vocab_size(), state).eval()
    return dataclasses.replace(
        start, model=model, config=config, tokenizer=tokenizer, codec_arrays=dict(arrays), step=0, seconds=0.0
    )
