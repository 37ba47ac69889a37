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
        images: per camera, uint8 (B, H, W, 3), None for a camera that nobody looked through. proprioception: (B, 10)
            SI. instruction_ids: (B, L), padded with 0: what the vision is told.
        token_ids: (B, T); the first N rows take the perception embeddings. attention_bias: (B, 1, T, T) additive.
        answer_rows, answer_ids: (B, A), the logits of row - 1 predict an answer token. answer_mask: (B, A).
        answer_places: (B, A) the exact location behind a location token, -1 for other tokens. location_ids: (L,) ids of
            the location tokens.
    """

    images: tuple[Tensor | None, ...]
    proprioception: Tensor
    instruction_ids: Tensor
    token_ids: Tensor
    attention_bias: Tensor
    answer_rows: Tensor
    answer_ids: Tensor
    answer_mask: Tensor
    answer_places: Tensor
    location_ids: Tensor

    def to(self, device: torch.device | str) -> GroundingBatch:
        """The batch on a device."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "images"}
        images = tuple(None if image is None else image.to(device) for image in self.images)
        return GroundingBatch(images=images, **{name: value.to(device) for name, value in values.items()})

    def __len__(self) -> int:
        return len(self.proprioception)


def answer_logits(model: Any, batch: GroundingBatch) -> Tensor:
    """Logits (B, A, V) of the answer tokens, by a model with the `perception`, `embed` and `backbone` of
    `inspire_training.model.policy.InspirePolicy`.
    """
    seen, _ = model.perception(batch.images, batch.proprioception, batch.instruction_ids)
    embeddings = model.embed(batch.token_ids, seen)
    return model.backbone.logits(model.backbone.at_rows(embeddings, batch.attention_bias, batch.answer_rows - 1))


def grounding_loss(model: Any, batch: GroundingBatch, *, spread: float = 1.0) -> Tensor:
    """Cross-entropy of the answer tokens.

    spread: of a location's target over its neighbours, steps (standard deviation); 0 for the token alone.
    """
    logits = answer_logits(model, batch).float()
    log_shares = logits.log_softmax(dim=-1)
    loss = -log_shares.gather(2, batch.answer_ids.unsqueeze(2)).squeeze(2)
    if spread > 0:
        steps = torch.arange(len(batch.location_ids), device=logits.device, dtype=logits.dtype)
        near = (-0.5 * ((steps - batch.answer_places.unsqueeze(2)) / spread) ** 2).softmax(dim=-1)
        soft = -(near * log_shares[..., batch.location_ids]).sum(dim=-1)
        loss = torch.where(batch.answer_places >= 0, soft, loss)
    weight = batch.answer_mask.to(loss.dtype)
    return (loss * weight).sum() / weight.sum().clamp(min=1.0)
