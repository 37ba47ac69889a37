"""The published hyper-parameters of `inspire train`: the defaults of `--recipe published`.

Full fine-tuning, AdamW at a constant rate without weight decay, 128 frames a step, bfloat16; answers, action tokens and
what ends them in one plain cross-entropy; nothing drawn at random, no average of weights.
"""

from __future__ import annotations

from typing import Any

from inspire_training.settings import LossWeights

PUBLISHED: dict[str, Any] = {
    "preset": "minivla-1b",
    "codec": "residual_vq",
    "loss": LossWeights(answers=1.0, codes=1.0, ends=1.0, tokens="plain"),
    "batch": 16,
    "global_batch": 128,
    "steps": 50_000,
    "rate": 1e-5,
    "schedule": "constant",
    "warmup": 0,
    "beta2": 0.999,
    "decay": 0.0,
    "average": 0.0,
    "random_answers": 0.0,
    "colour": 0.0,
    "precision": "bf16",
    "recompute": True,
    "readers": 4,
    "checkpoint_seconds": 1800.0,
}
