"""The policy: perception, one pass of the language model over prefix, questions and answers, and the action.

`perceive` and `decode` are the two graphs that the robot runs (see `export`); `forward` is training with the answers
given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inspire_policy.sequences.registry import STYLES
from inspire_training.batch import TrainingBatch
from inspire_training.expert.action_expert import make_expert
from inspire_training.expert.bridge import bridged
from inspire_training.model.backbone import SlotCache, gather_rows, make_backbone
from inspire_training.model.heads import OffsetHead, make_head
from inspire_training.model.perception import Perception
from inspire_training.model.presets import PolicyConfig

# Names of parts in checkpoints from before perception was a part of its own; the order of parameters is the same.
_FORMER_NAMES = {
    "instruction.": "perception.vision.instruction.",
    "towers.": "perception.vision.towers.",
    "proprioception_": "perception.proprioception.",
    "proprioception.": "perception.proprioception.mlp.",
    "places": "perception.places",
}


@dataclass(frozen=True)
class PolicyOutputs:
    """What the losses need.

    Attributes:
        answer_logits: (B, A, V). code_logits: (B, C, V). end_logits: (B, E, V). raw_chunk: (B, Q, 7), gripper as a
            logit; None with codes.
        offsets, keypoint_offsets: (B, K, 3) in units of `offset_scale`, from the language model and straight from
            the features of the vision; None without auxiliary heads.
        denoising: (B, chunk_length, 7) squared errors of the expert; None without one.
        sampled: (B, chunk_length, 7) rows that the expert samples, outside training only.
    """

    answer_logits: Tensor
    code_logits: Tensor
    end_logits: Tensor
    raw_chunk: Tensor | None
    offsets: Tensor | None
    keypoint_offsets: Tensor | None
    denoising: Tensor | None = None
    sampled: Tensor | None = None


class InspirePolicy(nn.Module):
    """The composition: perception (vision tower, projector), backbone, action head, and auxiliary heads for training.

    Each part is made by its registry from the configuration.
    """

    def __init__(self, config: PolicyConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        self.perception_start = STYLES[config.style].perception_start
        width = config.backbone.width
        self.perception = Perception(config, vocabulary)
        self.backbone = make_backbone(config.backbone, vocabulary)
        self.head = make_head(config.codec, width)
        self.offset_head = (
            OffsetHead(width, 1 if config.questions else config.max_objects) if config.auxiliary else None
        )
        self.keypoint_head = (
            OffsetHead(self.perception.features, config.max_objects)
            if config.auxiliary and self.perception.features
            else None
        )
        self.expert = make_expert(config.expert, self.backbone) if config.expert is not None else None
        self.register_load_state_dict_pre_hook(_with_todays_names)

    @property
    def towers(self) -> nn.Module:
        """The vision's convolutions or transformers, what `freeze_vision` freezes."""
        return self.perception.vision.towers

    def set_proprioception_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Mean and standard deviation, (10,) each; small deviations are floored so that noise is not blown up.

        Without a token of proprioception there is nothing to set.
        """
        token = self.perception.proprioception
        if token is not None:
            token.mean.copy_(torch.as_tensor(mean))
            token.std.copy_(torch.as_tensor(std).clamp(min=0.02))

    def perceive(
        self, images: Sequence[Tensor], proprioception: Tensor | None = None, instruction_ids: Tensor | None = None
    ) -> Tensor:
        """Perception embeddings (B, N, width) of uint8 images (B, H, W, 3), SI proprioception (B, 10) and padded ids
        (B, L); what the configuration does without may be None.
        """
        return self.perception(images, proprioception, instruction_ids)[0]

    def embed(self, token_ids: Tensor, seen: Tensor) -> Tensor:
        """Embeddings (B, T, width) of ids (B, T), with the perception embeddings (B, N, width) in their rows."""
        start, end = self.perception_start, self.perception_start + seen.shape[1]
        before, behind = self.backbone.embed(token_ids[:, :start]), self.backbone.embed(token_ids[:, end:])
        return torch.cat([before, seen, behind], dim=1)

    def decode(
        self,
        token_ids: Tensor,
        embeddings: Tensor,
        use_embeddings: Tensor,
        position_ids: Tensor,
        attention_bias: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        said: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """One pass over T new rows with a static cache of S slots.

        Args:
            token_ids, position_ids: (B, T). embeddings: (B, T, width), taken where use_embeddings (B, T, 1) is 1.
            attention_bias: (B, 1, T, S + T). past_keys, past_values: (layers, B, kv_heads, S, head_dim).
            said: token ids (V,) whose logits are wanted; all of the vocabulary's where none are given.

        Returns:
            logits (B, T, V), hidden (B, T, width), new_keys and new_values (layers, B, kv_heads, T, head_dim); with
            an expert also the states (n, B, T, width) of the layers that it reads.
        """
        cache = SlotCache(past_keys, past_values)
        rows = use_embeddings * embeddings + (1.0 - use_embeddings) * self.backbone.embed(token_ids)
        read: tuple[Tensor, ...] = ()
        if self.expert is None:
            hidden = self.backbone(rows, position_ids, attention_bias, cache)
        else:
            layers = self.expert.config.language_layers
            hidden, states = self.backbone.states(rows, position_ids, attention_bias, layers, cache)
            read = (states,)
        kept = torch.stack(cache.new_keys), torch.stack(cache.new_values)
        return self.backbone.logits(hidden, said), hidden, *kept, *read

    def forward(self, batch: TrainingBatch) -> PolicyOutputs:
        """All predictions of a batch in one pass, with the answers (and codes) given."""
        seen, features = self.perception(batch.images, batch.proprioception, batch.instruction_ids)
        embeddings = self.embed(batch.token_ids, seen)
        wanted = [batch.answer_rows - 1, batch.code_rows - 1, batch.query_rows, batch.offset_rows, batch.end_rows - 1]
        if batch.expert is not None:
            wanted.append(batch.expert.context_rows)
        hidden, states = self._read(embeddings, batch.attention_bias, torch.cat(wanted, dim=1))
        answers, codes, queries, asked, ends, *_ = hidden.split([rows.shape[1] for rows in wanted], dim=1)
        places = batch.offset_rows.shape[1]
        offsets = keypoints = None
        if self.offset_head is not None:
            offsets = self.offset_head(asked)
            # Without questions every row is <act>; its head answers for all objects at once.
            offsets = offsets.squeeze(2) if self.config.questions else offsets[:, 0, :places]
        if self.keypoint_head is not None:
            keypoints = self.keypoint_head(features)[:, :places]
        denoising = sampled = None
        if self.expert is not None and batch.expert is not None:
            told = bridged(states[:, :, -batch.expert.context_rows.shape[1] :], self.expert.config.bridge)
            denoising = self.expert.errors(told, seen, batch.expert, batch.chunk)
            sampled = None if self.training else self.expert.sample_batch(told, seen, batch.expert)
        return PolicyOutputs(
            answer_logits=self.backbone.logits(answers),
            code_logits=self.backbone.logits(codes),
            end_logits=self.backbone.logits(ends),
            raw_chunk=self.head.raw(queries) if self.head is not None else None,
            offsets=offsets,
            keypoint_offsets=keypoints,
            denoising=denoising,
            sampled=sampled,
        )

    def _read(self, embeddings: Tensor, bias: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states (B, R, width) at rows (B, R), and there the states (n, B, R, width) that an expert reads."""
        layers = () if self.expert is None else self.expert.config.language_layers
        last = self.backbone.config.layers - 1
        if all(layer in (-1, last) for layer in layers):  # the shorter way, where the last layer is all that is read
            hidden = self.backbone.at_rows(embeddings, bias, rows)
            return hidden, hidden.expand(len(layers), *hidden.shape)
        positions = torch.arange(embeddings.shape[1], device=embeddings.device).expand(embeddings.shape[:2])
        hidden, states = self.backbone.states(embeddings, positions, bias, layers)
        return gather_rows(hidden, rows), torch.stack([gather_rows(layer, rows) for layer in states])


def _with_todays_names(_module: nn.Module, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
    """Rename the entries of an older checkpoint, in place."""
    for name in [name for name in state if name.startswith(prefix)]:
        for former, now in _FORMER_NAMES.items():
            if name.startswith(prefix + former):
                state[prefix + now + name[len(prefix + former) :]] = state.pop(name)
                break
