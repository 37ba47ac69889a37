"""What the network learns to say of noisy rows, and how rows are sampled by it.

Flow matching (arXiv 2210.02747): x_t = (1 - t) noise + t rows; the network says rows - noise; Euler steps from 0 to 1.
Training draws more of the noisy end, 1 - t ~ Beta(1.5, 1), as its directions are the hardest to tell.

DDPM (arXiv 2006.11239) with the cosine schedule: the network says the noise; sampled by DDIM (arXiv 2010.02502),
deterministic, with the rows that it implies kept within their range.

All steps are unrolled and all their times are constants, so that sampling is one graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from inspire_training.expert.config import ExpertConfig

Say = Callable[[Tensor, float], Tensor]
"""What the network says of noisy rows (B, T, 7) at a time in [0, 1]."""
LEAST_SIGNAL = 1e-4  # of the rows at the last noise level; none at all would leave nothing to divide by


class Objective(Protocol):
    """Rows are normalised here; noise is standard normal of their shape."""

    def noised(self, rows: Tensor, noise: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy rows (B, T, 7), times (B,) and what the network shall say (B, T, 7), by uniform draws (B,)."""

    def sample(self, say: Say, noise: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Rows (B, T, 7) from noise; low and high (7,) are the range of rows."""


class FlowMatching:
    """See the module."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def noised(self, rows: Tensor, noise: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        time = 1.0 - draws ** (2.0 / 3.0)
        share = time[:, None, None]
        return (1.0 - share) * noise + share * rows, time, rows - noise

    def sample(self, say: Say, noise: Tensor, low: Tensor, high: Tensor) -> Tensor:
        rows = noise
        for step in range(self._steps):
            rows = rows + say(rows, step / self._steps) / self._steps
        return rows.clamp(low, high)


class Ddpm:
    """See the module. Time is the share of noise levels passed, 1 at pure noise.

    Attributes:
        signal: how much of the rows' variance is left at each noise level.
    """

    def __init__(self, steps: int, levels: int) -> None:
        self._steps = steps
        self.signal = [_cosine((level + 1) / levels) for level in range(levels)]

    def noised(self, rows: Tensor, noise: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        levels = len(self.signal)
        level = (draws * levels).long().clamp(max=levels - 1)
        signal = torch.tensor(self.signal, device=rows.device)[level][:, None, None]
        return signal.sqrt() * rows + (1.0 - signal).sqrt() * noise, (level + 1) / levels, noise

    def sample(self, say: Say, noise: Tensor, low: Tensor, high: Tensor) -> Tensor:
        levels = len(self.signal)
        passed = [round((levels - 1) * (1 - step / self._steps)) for step in range(self._steps)]
        rows = x = noise
        for level, following in zip(passed, [*passed[1:], None]):
            signal = self.signal[level]
            said = say(x, (level + 1) / levels)
            rows = ((x - math.sqrt(1.0 - signal) * said) / math.sqrt(signal)).clamp(low, high)
            if following is not None:
                said = (x - math.sqrt(signal) * rows) / math.sqrt(1.0 - signal)
                x = math.sqrt(self.signal[following]) * rows + math.sqrt(1.0 - self.signal[following]) * said
        return rows


def _cosine(share: float) -> float:
    """How much of the rows' variance is left after this share of the noise levels."""
    return max(LEAST_SIGNAL, math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2)


def make_objective(config: ExpertConfig) -> Objective:
    """The objective of a configuration."""
    return FlowMatching(config.steps) if config.objective == "flow" else Ddpm(config.steps, config.noise_levels)
