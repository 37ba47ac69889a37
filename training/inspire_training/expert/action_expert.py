"""The action expert: states of the language model and patch tokens in, a chunk of actions out.

Rows are the runtime's (six motion numbers in [-1, 1], opening in [0, 1]); inside they are centred and scaled by
statistics of the training set, which travel with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from inspire_policy.action import LEAD_SIZE
from inspire_policy.sequence import MASKED
from inspire_training.batch import ExpertBatch
from inspire_training.expert.config import ExpertConfig
from inspire_training.expert.dit import DiT
from inspire_training.expert.objectives import make_objective
from inspire_training.expert.querying import QueryingTransformer

LEAST_DEVIATION = 0.25  # of a normalised number; what hardly moves (rotations) shall not weigh like what does


class ActionExpert(nn.Module):
    """Querying transformer, diffusion transformer and objective. `seen`: width of states and patches."""

    def __init__(self, config: ExpertConfig, seen: int) -> None:
        super().__init__()
        self.config = config
        self.querying = QueryingTransformer(
            queries=config.queries,
            width=config.width,
            heads=config.heads,
            layers=len(config.language_layers),
            seen=seen,
        )
        self.network = DiT(
            width=config.width, layers=config.layers, heads=config.heads, chunk_length=config.chunk_length
        )
        self.untold = nn.Parameter(torch.randn(config.queries, config.width) * 0.02)  # the condition that says nothing
        self.register_buffer("mean", torch.zeros(LEAD_SIZE))
        self.register_buffer("std", torch.ones(LEAD_SIZE))
        self._objective = make_objective(config)

    def set_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Mean and standard deviation, (7,) each, of the rows of a training set."""
        self.mean.copy_(torch.as_tensor(mean))
        self.std.copy_(torch.as_tensor(std).clamp(min=LEAST_DEVIATION))

    def errors(self, states: Tensor, patches: Tensor, batch: ExpertBatch, chunk: Tensor) -> Tensor:
        """Squared errors (B, T, 7) of what the network says, the mean over the batch's draws of noise.

        Args:
            states: (layers, B, R, seen). patches: (B, N, seen). chunk: rows (B, T, 7).
        """
        condition = self.querying(states, _bias(batch.context_mask, states), patches)
        condition = torch.where(batch.untold[:, None, None], self.untold.to(condition.dtype), condition)
        draws = batch.draws.shape[1]
        memory = [
            (k.repeat_interleave(draws, dim=0), v.repeat_interleave(draws, dim=0))
            for k, v in self.network.memory(condition)
        ]
        rows = ((chunk - self.mean) / self.std).repeat_interleave(draws, dim=0)
        noisy, time, wanted = self._objective.noised(rows, batch.noise.flatten(0, 1), batch.draws.flatten())
        said = self.network(noisy, time, memory).float()
        return (said - wanted).square().unflatten(0, (-1, draws)).mean(1)

    def sample(self, states: Tensor, state_bias: Tensor, patches: Tensor, noise: Tensor) -> Tensor:
        """Rows (B, T, 7) from noise (B, T, 7); `state_bias` (B, R) is 0 where there is a state, MASKED elsewhere."""
        condition, guidance = self.querying(states, state_bias, patches), self.config.guidance
        if guidance > 1.0:
            condition = torch.cat([condition, self.untold.expand_as(condition)])
        memory = self.network.memory(condition)

        def say(rows: Tensor, time: float) -> Tensor:
            both = torch.cat([rows, rows]) if guidance > 1.0 else rows
            said = self.network(both, torch.full((1,), time, dtype=rows.dtype, device=rows.device), memory)
            if guidance <= 1.0:
                return said
            told, untold = said.chunk(2)
            return untold + guidance * (told - untold)

        lowest = torch.tensor([-1.0] * 6 + [0.0], device=noise.device)
        low, high = (lowest - self.mean) / self.std, (1.0 - self.mean) / self.std
        return self._objective.sample(say, noise, low, high) * self.std + self.mean

    def sample_batch(self, states: Tensor, patches: Tensor, batch: ExpertBatch) -> Tensor:
        """Rows (B, T, 7) of a batch, from its first draw of noise."""
        return self.sample(states, _bias(batch.context_mask, states), patches, batch.noise[:, 0])


def make_expert(config: ExpertConfig, backbone: Any) -> ActionExpert:
    """The expert on a backbone. Raises ValueError where that cannot give the states that are asked for."""
    layers = backbone.config.layers
    if not callable(getattr(backbone, "states", None)):
        raise ValueError(
            f"expert: expected a backbone that gives the hidden states of its layers (a method `states`), found "
            f"{type(backbone).__name__} without; choose another backbone, or add the method"
        )
    wrong = [layer for layer in config.language_layers if not -layers <= layer < layers]
    if wrong:
        raise ValueError(
            f"expert language_layers: expected layers from {-layers} to {layers - 1}, as the language model has "
            f"{layers}, found {', '.join(map(str, wrong))}"
        )
    return ActionExpert(config, backbone.config.width)


def _bias(mask: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(~mask, MASKED)
