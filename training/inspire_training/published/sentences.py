"""A checkpoint that speaks in chat turns taken over to the sentences of pi0-FAST, and how far its state reaches.

Codes stay the tokens that they are, the last extra ones; the sentences' first token is added behind them. What the arm
feels is said in words, as 256 bins between the 1st and the 99th percentile of the data. The rows of the prefix see each
other both ways, as published.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.tokens import BEGIN
from inspire_training.checkpoint import Checkpoint, policy_of

TABLE = "backbone.model.embed_tokens.weight"
HORIZON = 5  # steps of a chunk that are executed, as published


def in_sentences(start: Checkpoint, states: np.ndarray) -> Checkpoint:
    """The checkpoint in style "pi0_fast", at step 0; its words and weights stay.

    Args:
        states: (F, 10) what the arm feels in the data, SI.

    Raises:
        ValueError: it does not speak in chat turns, or its tokenizer cannot say the answers in sentences.
    """
    if start.config.style != "minivla":
        raise ValueError(
            f"style pi0_fast: expected a checkpoint that speaks in chat turns (style minivla), found style "
            f"{start.config.style}; start from an imported one"
        )
    tokenizer = Tokenizer.from_str(start.tokenizer.to_str())
    last = int(start.style().code_ids(1)[0])
    tokenizer.add_special_tokens([AddedToken(BEGIN, special=True, normalized=False)])
    low, high = np.quantile(states, (0.01, 0.99), axis=0)
    told = {"state_low": low.tolist(), "state_high": high.tolist(), "vocabulary": last + 1, "skip": 0}
    state = start.model.state_dict()
    table = state[TABLE]
    rows = max(len(table), tokenizer.get_vocab_size())
    state[TABLE] = torch.cat([table, table.mean(0, keepdim=True).expand(rows - len(table), -1)])
    config = dataclasses.replace(
        start.config,
        style="pi0_fast",
        style_settings=told,
        prefix_attention="bidirectional",
        horizon=min(HORIZON, start.config.chunk_length),
        backbone=dataclasses.replace(start.config.backbone, rows=rows),
    )
    model = policy_of(config, tokenizer.get_vocab_size(), state).eval()
    checkpoint = dataclasses.replace(start, model=model, config=config, tokenizer=tokenizer, step=0, seconds=0.0)
    AnswerVocabulary(checkpoint.style(), checkpoint.words)
    return checkpoint
