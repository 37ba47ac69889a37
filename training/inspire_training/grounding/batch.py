"""One grounding batch as tensors, and how a policy's parts read it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class GroundingBatch:
    """B questions with their right answers, sequences right-padded to T rows, A answer tokens at most.

    Attributes:
        images: per camera, uint8 (B, H, W, 3). proprioception: (B, 10) SI. instruction_ids: (B, L), padded with 0:
            what the vision is told.
        token_ids: (B, T); the first N rows take the perception embeddings. attention_bias: (B, 1, T, T) additive.
        answer_rows, answer_ids: (B, A), the logits of row - 1 predict an answer token. answer_mask: (B, A).
    """

    images: tuple[Tensor, ...]
    proprioception: Tensor
    instruction_ids: Tensor
    token_ids: Tensor
    attention_bias: Tensor
    answer_rows: Tensor
    answer_ids: Tensor
    answer_mask: Tensor

    def to(self, device: torch.device | str) -> GroundingBatch:
        """The batch on a device."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: tuple(t.to(device) for t in v) if isinstance(v, tuple) else v.to(device) for k, v in values.items()}
        return GroundingBatch(**moved)

    def __len__(self) -> int:
        return len(self.proprioception)


def answer_logits(model: Any, batch: GroundingBatch) -> Tensor:
    """Logits (B, A, V) of the answer tokens, by a model with the `perception`, `embed` and `backbone` of
    `inspire_training.model.policy.InspirePolicy`.
    """
    seen, _ = model.perception(batch.images, batch.proprioception, batch.instruction_ids)
    embeddings = model.embed(batch.token_ids, seen)
    return model.backbone.logits(model.backbone.at_rows(embeddings, batch.attention_bias, batch.answer_rows - 1))
