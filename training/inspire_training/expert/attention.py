"""Attention between two sets of tokens, and the MLP behind it; shared by the querying and the diffusion transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Queries of `width` look at tokens of `seen` numbers."""

    def __init__(self, width: int, heads: int, seen: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key, self.value = nn.Linear(seen, width), nn.Linear(seen, width)
        self.out = nn.Linear(width, width)

    def memory(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, heads, S, width / heads) of tokens (B, S, seen): what can be computed once."""
        return self._split(self.key(tokens)), self._split(self.value(tokens))

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor], bias: Tensor | None = None) -> Tensor:
        """(B, T, width) of x (B, T, width); `bias` additive, (B, 1, 1, S)."""
        keys, values = memory
        queries = self._split(self.query(x))
        scores = queries @ keys.transpose(-1, -2) * (keys.shape[-1] ** -0.5)
        # Spelled out: a handful of tokens gains nothing from a fused kernel, and the exported graph stays plain.
        if bias is not None:
            scores = scores + bias
        return self.out((scores.softmax(dim=-1) @ values).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Mlp(nn.Sequential):
    """width -> ratio x width -> width."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__(nn.Linear(width, ratio * width), nn.GELU(approximate="tanh"), nn.Linear(ratio * width, width))


def sinusoids(position: Tensor, width: int, longest: float = 10_000.0) -> Tensor:
    """Sines and cosines (..., width) of positions (...)."""
    rates = torch.exp(-torch.log(torch.tensor(longest)) * torch.arange(width // 2) / (width // 2)).to(position)
    angles = position.unsqueeze(-1) * rates
    return F.pad(torch.cat([angles.sin(), angles.cos()], dim=-1), (0, width % 2))
