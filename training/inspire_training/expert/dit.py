"""The diffusion transformer: noisy actions and a time in, what the objective asks for out (adaLN, arXiv 2212.09748).

Time scales, shifts and gates every block, by one projection shared by all blocks and an offset of each (arXiv
2310.00426). Gates are open at the start: a network this shallow needs no beginning as the identity, and learns sooner.
The condition is looked at by cross-attention; its keys and values are the same in every sampling step, so they are
computed once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inspire_policy.action import LEAD_SIZE
from inspire_training.expert.attention import Attention, Mlp, sinusoids

Memory = list[tuple[Tensor, Tensor]]
TIME_SCALE = 1000.0


class DiTBlock(nn.Module):
    """Self-attention, cross-attention, MLP, each scaled, shifted and gated by time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.itself, self.condition = Attention(width, heads, width), Attention(width, heads, width)
        self.mlp = Mlp(width, 4)
        self.offset = nn.Parameter(torch.cat([torch.zeros(6, width), torch.ones(3, width)]))  # scales, shifts, gates

    def forward(self, x: Tensor, time: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        """(B, T, width) of x and the projected time (B, 9, width)."""
        scales, shifts, gates = (time + self.offset).unsqueeze(2).split(3, dim=1)

        def changed(part: int) -> Tensor:
            return self.norms[part](x) * (1.0 + scales[:, part]) + shifts[:, part]

        y = changed(0)
        x = x + gates[:, 0] * self.itself(y, self.itself.memory(y))
        x = x + gates[:, 1] * self.condition(changed(1), memory)
        return x + gates[:, 2] * self.mlp(changed(2))


class DiT(nn.Module):
    """The network of an expert over a chunk of `chunk_length` actions."""

    def __init__(self, *, width: int, layers: int, heads: int, chunk_length: int) -> None:
        super().__init__()
        self.width = width
        self.enter = nn.Linear(LEAD_SIZE, width)
        self.places = nn.Parameter(sinusoids(torch.arange(chunk_length, dtype=torch.float32), width) * 0.1)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.modulation = nn.Linear(width, 9 * width)
        self.blocks = nn.ModuleList(DiTBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, LEAD_SIZE)
        for layer in (self.modulation, self.leave):  # at first time changes nothing, and the network says zero
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def memory(self, condition: Tensor) -> Memory:
        """Keys and values of the condition (B, Q, width), for every block."""
        return [block.condition.memory(condition) for block in self.blocks]

    def forward(self, rows: Tensor, time: Tensor, memory: Memory) -> Tensor:
        """(B, T, 7) of noisy rows (B, T, 7) and times (B,) in [0, 1]."""
        modulation = self.modulation(self.time(sinusoids(TIME_SCALE * time, self.width))).unflatten(-1, (9, -1))
        x = self.enter(rows) + self.places
        for block, seen in zip(self.blocks, memory):
            x = block(x, modulation, seen)
        return self.leave(self.norm(x))
