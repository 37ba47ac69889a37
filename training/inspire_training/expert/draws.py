"""The expert's part of a batch: which rows it reads, when it is told nothing, and its noise; all from one generator, so
that a step is a function of its seed.
"""

from __future__ import annotations

import numpy as np
import torch

from inspire_policy.action import LEAD_SIZE
from inspire_training.batch import ExpertBatch
from inspire_training.data.layouts import LayoutBatch
from inspire_training.expert.config import ExpertConfig


def expert_batch(
    config: ExpertConfig,
    layouts: LayoutBatch,
    rng: np.random.Generator,
    *,
    obeyed: np.ndarray,
) -> ExpertBatch:
    """For the layouts of B frames: the prompt's rows, in a share of the frames the answers' as well.

    obeyed: (B,) bool, frames whose chunk follows from an answer, which must then be read.
    """
    size = len(layouts.token_ids)
    explicit = (rng.random(size) < config.answers) | obeyed
    answers = layouts.answer_mask & explicit[:, None]
    mask = np.concatenate([layouts.prefix_mask, answers], axis=1)
    rows = np.concatenate([layouts.prefix_rows, layouts.answer_rows], axis=1)
    untold = rng.random(size) < config.condition_dropout
    noise = rng.standard_normal((size, config.repeats, config.chunk_length, LEAD_SIZE), dtype=np.float32)
    draws = rng.random((size, config.repeats), dtype=np.float32)
    tensor = torch.from_numpy
    return ExpertBatch(
        context_rows=tensor(rows), context_mask=tensor(mask), untold=tensor(untold), noise=tensor(noise),
        draws=tensor(draws),
    )  # fmt: skip
