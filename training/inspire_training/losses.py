"""The training loss and the numbers that validation reports."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inspire_training.batch import TrainingBatch
from inspire_training.model.policy import PolicyOutputs
from inspire_training.settings import LossWeights


def loss_parts(
    outputs: PolicyOutputs, batch: TrainingBatch, weights: LossWeights, offset_scale: float
) -> dict[str, Tensor]:
    """The weighted parts of the loss by name; their sum is what is minimised."""
    parts: dict[str, Tensor] = {}
    step = torch.full((batch.chunk.shape[1], 1), weights.later_steps, device=batch.chunk.device)
    step[: weights.executed_steps] = 1.0
    step = step / step.mean()
    if outputs.denoising is not None:
        parts["expert"] = weights.expert * (outputs.denoising * step).mean()
    if outputs.raw_chunk is not None:
        motion = F.smooth_l1_loss(outputs.raw_chunk[..., :6], batch.chunk[..., :6], beta=0.05, reduction="none")
        parts["motion"] = weights.motion * (motion * step).mean()
        gripper = F.binary_cross_entropy_with_logits(outputs.raw_chunk[..., 6:], batch.chunk[..., 6:], reduction="none")
        parts["gripper"] = weights.gripper * (gripper * step).mean()
    parts |= _said(outputs, batch, weights)
    target = batch.offsets / offset_scale
    for name, found, weight in (
        ("offsets", outputs.offsets, weights.offsets),
        ("keypoints", outputs.keypoint_offsets, weights.keypoints),
    ):
        if found is None:
            continue
        parts[name] = weight * _masked_mean(
            F.smooth_l1_loss(found, target, beta=0.05, reduction="none").mean(-1), batch.object_mask
        )
    return parts


def _said(outputs: PolicyOutputs, batch: TrainingBatch, weights: LossWeights) -> dict[str, Tensor]:
    """Cross-entropies of what is said: answers, codes, and what ends them."""
    said = {
        "answers": (weights.answers, outputs.answer_logits, batch.answer_ids, batch.answer_mask),
        "codes": (weights.codes, outputs.code_logits, batch.codes, batch.code_mask),
        "ends": (weights.ends, outputs.end_logits, batch.end_ids, batch.end_mask),
    }
    said = {name: part for name, part in said.items() if part[2].shape[1]}
    everything = sum(part[3].sum() for part in said.values())
    parts = {}
    for name, (weight, logits, ids, mask) in said.items():
        loss = F.cross_entropy(logits.flatten(0, 1).float(), ids.flatten(), reduction="none").view_as(ids)
        total = mask.to(loss.dtype).sum() if weights.tokens == "parts" else everything
        parts[name] = weight * (loss * mask.to(loss.dtype)).sum() / torch.clamp(total, min=1.0)
    return parts


@torch.no_grad()
def validation_numbers(
    outputs: PolicyOutputs, batch: TrainingBatch, answer_ids: Tensor, offset_scale: float, max_translation: float
) -> dict[str, float]:
    """Numbers a person can read.

    Args:
        answer_ids: (W,) token ids that answers are made of; an answer is the best of these.
        max_translation: metres of a normalised translation of 1.

    Returns:
        direction_accuracy (of the answers' tokens), chunk_l1 (normalised, motion only), first_step_mm (translation
        error), gripper_accuracy,
        offset_cm, code_accuracy.
    """
    numbers: dict[str, float] = {}
    if batch.answer_rows.shape[1]:
        chosen = answer_ids[outputs.answer_logits[..., answer_ids].argmax(-1)]
        numbers["direction_accuracy"] = _masked_mean((chosen == batch.answer_ids).float(), batch.answer_mask).item()
    rows = outputs.raw_chunk if outputs.sampled is None else outputs.sampled
    if rows is not None:
        closed = 0.0 if outputs.sampled is None else 0.5  # a logit, or the opening itself
        motion = rows[..., :6].clamp(-1, 1)
        numbers["chunk_l1"] = (motion - batch.chunk[..., :6]).abs().mean().item()
        first = (motion[:, 0, :3] - batch.chunk[:, 0, :3]).norm(dim=-1)
        numbers["first_step_mm"] = 1000 * max_translation * first.mean().item()
        right = (rows[..., 6] > closed) == (batch.chunk[..., 6] > 0.5)
        numbers["gripper_accuracy"] = right.float().mean().item()
    if batch.code_rows.shape[1]:
        right = (outputs.code_logits.argmax(-1) == batch.codes).float()
        numbers["code_accuracy"] = _masked_mean(right, batch.code_mask).item()
    if outputs.offsets is not None:
        error = (outputs.offsets - batch.offsets / offset_scale).norm(dim=-1) * offset_scale * 100
        numbers["offset_cm"] = _masked_mean(error, batch.object_mask).item()
    return numbers


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    weight = mask.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp(min=1.0)
