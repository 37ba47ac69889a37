"""The querying transformer: learned queries gather, from the language model's states and the newest patch tokens, what
the expert has to know. One cross-attention block per language-model layer that is read, the last layer in the last.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inspire_training.expert.attention import Attention, Mlp


class QueryBlock(nn.Module):
    """Queries look at the states of one layer, joined with the patches."""

    def __init__(self, width: int, heads: int, seen: int) -> None:
        super().__init__()
        self.state_norm, self.patch_norm = nn.LayerNorm(seen), nn.LayerNorm(seen)
        # What tells a state of the language model from a patch.
        self.kinds = nn.Parameter(torch.randn(2, seen) * 0.02)
        self.query_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, heads, seen), Mlp(width, 4)

    def forward(self, queries: Tensor, states: Tensor, patches: Tensor, bias: Tensor) -> Tensor:
        seen = torch.cat([self.state_norm(states) + self.kinds[0], self.patch_norm(patches) + self.kinds[1]], dim=1)
        queries = queries + self.attention(self.query_norm(queries), self.attention.memory(seen), bias)
        return queries + self.mlp(self.mlp_norm(queries))


class QueryingTransformer(nn.Module):
    """`queries` tokens of `width`, from `layers` layers of states and patches, both of `seen` numbers."""

    def __init__(self, *, queries: int, width: int, heads: int, layers: int, seen: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(queries, width) * 0.02)
        self.blocks = nn.ModuleList(QueryBlock(width, heads, seen) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, state_bias: Tensor, patches: Tensor) -> Tensor:
        """The condition (B, queries, width).

        Args:
            states: (layers, B, R, seen). state_bias: (B, R) additive, 0 where there is a state. patches: (B, N, seen).
        """
        size = patches.shape[0]
        bias = torch.cat([state_bias, torch.zeros_like(patches[..., 0])], dim=1)[:, None, None]
        queries = self.queries.expand(size, -1, -1)
        for block, layer in zip(self.blocks, states):
            queries = block(queries, layer, patches, bias)
        return self.norm(queries)
