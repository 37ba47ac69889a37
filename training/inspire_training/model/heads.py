"""Heads on the backbone's hidden states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class ContinuousHead(nn.Module):
    """Hidden states of the query tokens to the rows of a chunk."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 7))

    def raw(self, hidden: Tensor) -> Tensor:
        """(B, Q, 7): six motion numbers (no squashing; clipped where they are used), then the gripper's logit."""
        return self.mlp(hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, Q, 7): six motion numbers, then the opening in [0, 1]."""
        raw = self.raw(hidden)
        return torch.cat([raw[..., :6], raw[..., 6:].sigmoid()], dim=-1)


HEADS: dict[str, Callable[[int], nn.Module]] = {"continuous": ContinuousHead}


def make_head(codec: str, width: int) -> Any:
    """The action head of a codec, on hidden states of `width`; None for codecs whose codes the language model says."""
    return HEADS[codec](width) if codec in HEADS else None


class OffsetHead(nn.Module):
    """Auxiliary: offsets object - tool of `objects` objects, in units of the configured scale. Trains perception, is
    never exported.
    """

    def __init__(self, inputs: int, objects: int) -> None:
        super().__init__()
        self.objects = objects
        self.mlp = nn.Sequential(nn.Linear(inputs, 128), nn.GELU(), nn.Linear(128, 3 * objects))

    def forward(self, features: Tensor) -> Tensor:
        """(..., objects, 3) of features (..., inputs)."""
        return self.mlp(features).unflatten(-1, (self.objects, 3))
