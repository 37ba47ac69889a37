"""The policy: perception, one pass of the language model over prefix, questions and answers, and the action.

`perceive` and `decode` are the two graphs that the robot runs (see `export`); `forward` is training with the answers
given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inspire_policy.proprioception import PROPRIOCEPTION_SIZE
from inspire_training.batch import TrainingBatch
from inspire_training.model.backbone import Qwen2Backbone, SlotCache
from inspire_training.model.heads import ContinuousHead, OffsetHead
from inspire_training.model.presets import PolicyConfig
from inspire_training.model.vision import FilmConvTower, InstructionEmbedding


@dataclass(frozen=True)
class PolicyOutputs:
    """What the losses need.

    Attributes:
        answer_logits: (B, K, V). code_logits: (B, C, V). raw_chunk: (B, Q, 7), gripper as a logit; None with codes.
        offsets, keypoint_offsets: (B, K, 3) in units of `offset_scale`, from the language model and straight from
            the keypoints.
    """

    answer_logits: Tensor
    code_logits: Tensor
    raw_chunk: Tensor | None
    offsets: Tensor
    keypoint_offsets: Tensor


class InspirePolicy(nn.Module):
    """The composition. `proprioception` statistics are buffers, set once from the first training set."""

    def __init__(self, config: PolicyConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        width = config.backbone.width
        self.instruction = InstructionEmbedding(vocabulary, config.vision)
        self.towers = nn.ModuleList(
            FilmConvTower(config.vision, width=width, size=camera.width) for camera in config.cameras
        )
        self.proprioception = nn.Sequential(nn.Linear(PROPRIOCEPTION_SIZE, 64), nn.GELU(), nn.Linear(64, width))
        self.register_buffer("proprioception_mean", torch.zeros(PROPRIOCEPTION_SIZE))
        self.register_buffer("proprioception_std", torch.ones(PROPRIOCEPTION_SIZE))
        self.places = nn.Parameter(torch.randn(config.perception_tokens, width) * 0.02)
        self.backbone = Qwen2Backbone(config.backbone, vocabulary)
        self.head = ContinuousHead(width) if config.codec == "continuous" else None
        self.offset_head = OffsetHead(width, 1 if config.questions else config.max_objects)
        points = 2 * config.vision.keypoints * len(config.cameras)
        self.keypoint_head = OffsetHead(points + PROPRIOCEPTION_SIZE, config.max_objects)

    def set_proprioception_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Mean and standard deviation, (10,) each; small deviations are floored so that noise is not blown up."""
        self.proprioception_mean.copy_(torch.as_tensor(mean))
        self.proprioception_std.copy_(torch.as_tensor(std).clamp(min=0.02))

    def perceive(self, images: Sequence[Tensor], proprioception: Tensor, instruction_ids: Tensor) -> Tensor:
        """Perception embeddings (B, N, width) of uint8 images (B, H, W, 3), SI proprioception (B, 10) and padded ids
        (B, L).
        """
        return self._perceive(images, proprioception, instruction_ids)[0]

    def _perceive(
        self, images: Sequence[Tensor], proprioception: Tensor, instruction_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        condition = self.instruction(instruction_ids)
        seen = [tower(image, condition) for tower, image in zip(self.towers, images)]
        felt = (proprioception - self.proprioception_mean) / self.proprioception_std
        tokens = torch.cat([*(t for t, _ in seen), self.proprioception(felt).unsqueeze(1)], dim=1) + self.places
        return tokens, torch.cat([*(points.flatten(1) for _, points in seen), felt], dim=1)

    def decode(
        self,
        token_ids: Tensor,
        embeddings: Tensor,
        use_embeddings: Tensor,
        position_ids: Tensor,
        attention_bias: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One pass over T new rows with a static cache of S slots.

        Args:
            token_ids, position_ids: (B, T). embeddings: (B, T, width), taken where use_embeddings (B, T, 1) is 1.
            attention_bias: (B, 1, T, S + T). past_keys, past_values: (layers, B, kv_heads, S, head_dim).

        Returns:
            logits (B, T, V), hidden (B, T, width), new_keys and new_values (layers, B, kv_heads, T, head_dim).
        """
        cache = SlotCache(past_keys, past_values)
        rows = use_embeddings * embeddings + (1.0 - use_embeddings) * self.backbone.embed(token_ids)
        hidden = self.backbone(rows, position_ids, attention_bias, cache)
        return self.backbone.logits(hidden), hidden, torch.stack(cache.new_keys), torch.stack(cache.new_values)

    def forward(self, batch: TrainingBatch) -> PolicyOutputs:
        """All predictions of a batch in one pass, with the answers (and codes) given."""
        seen, features = self._perceive(batch.images, batch.proprioception, batch.instruction_ids)
        embeddings = torch.cat([seen, self.backbone.embed(batch.token_ids[:, seen.shape[1] :])], dim=1)
        wanted = [batch.answer_rows - 1, batch.code_rows - 1, batch.query_rows, batch.offset_rows]
        hidden = self.backbone.at_rows(embeddings, batch.attention_bias, torch.cat(wanted, dim=1))
        answers, codes, queries, asked = hidden.split([rows.shape[1] for rows in wanted], dim=1)
        offsets = self.offset_head(asked)
        if self.config.questions:
            offsets = offsets.squeeze(2)
        else:  # every row is <act>; its head answers for all objects at once
            offsets = offsets[:, 0, : batch.offset_rows.shape[1]]
        return PolicyOutputs(
            answer_logits=self.backbone.logits(answers),
            code_logits=self.backbone.logits(codes),
            raw_chunk=self.head.raw(queries) if self.head is not None else None,
            offsets=offsets,
            keypoint_offsets=self.keypoint_head(features)[:, : batch.offset_rows.shape[1]],
        )
