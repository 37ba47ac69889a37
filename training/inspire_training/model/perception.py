"""Perception: what the cameras see and the arm feels, as embeddings of the language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from inspire_policy.proprioception import PROPRIOCEPTION_SIZE
from inspire_training.model.fused_vit import FusedVit
from inspire_training.model.presets import PolicyConfig
from inspire_training.model.projectors import make_projector
from inspire_training.model.vision import FilmVision


class VisionTower(Protocol):
    """What perception needs of whatever looks at the images.

    Attributes:
        width: of its tokens. features: numbers for the auxiliary heads, 0 for none.
        towers: what `freeze_vision` freezes.
    """

    width: int
    features: int
    towers: nn.Module

    def __call__(self, images: Sequence[Tensor], instruction_ids: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Tokens (B, N, width) and features (B, features) or None, of uint8 images (B, H, W, 3), one per camera, and
        padded ids (B, L), which a tower that is not conditioned does without.
        """


VISIONS: dict[str, Callable[..., Any]] = {"film": FilmVision, "fused_vit": FusedVit}


class ProprioceptionToken(nn.Module):
    """One token of what the arm feels. The statistics are buffers, set once from the first training set."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(PROPRIOCEPTION_SIZE, 64), nn.GELU(), nn.Linear(64, width))
        self.register_buffer("mean", torch.zeros(PROPRIOCEPTION_SIZE))
        self.register_buffer("std", torch.ones(PROPRIOCEPTION_SIZE))

    def forward(self, proprioception: Tensor) -> tuple[Tensor, Tensor]:
        """The token (B, 1, width) and the normalised vector (B, 10) of SI values (B, 10)."""
        felt = (proprioception - self.mean) / self.std
        return self.mlp(felt).unsqueeze(1), felt


class Perception(nn.Module):
    """Vision, projector, and, where configured, a token of proprioception and embeddings of the tokens' places."""

    def __init__(self, config: PolicyConfig, vocabulary: int) -> None:
        super().__init__()
        width = config.backbone.width
        self.vision = VISIONS[config.vision.kind](config.vision, config.cameras, vocabulary=vocabulary, width=width)
        self.projector = make_projector(config.projector, self.vision.width, width)
        self.proprioception = ProprioceptionToken(width) if config.proprioception else None
        places = torch.randn(config.perception_tokens, width) * 0.02 if config.places else None
        self.places = None if places is None else nn.Parameter(places)
        self.features = self.vision.features + (PROPRIOCEPTION_SIZE if config.proprioception else 0)

    def forward(
        self, images: Sequence[Tensor], proprioception: Tensor | None, instruction_ids: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings (B, N, width) and features (B, features) for the auxiliary heads; arguments as in
        `InspirePolicy.perceive`.
        """
        seen, features = self.vision(images, instruction_ids)
        tokens, known = [self.projector(seen)], [] if features is None else [features]
        if self.proprioception is not None:
            token, felt = self.proprioception(proprioception)
            tokens.append(token)
            known.append(felt)
        embeddings = torch.cat(tokens, dim=1)
        if self.places is not None:
            embeddings = embeddings + self.places
        return embeddings, torch.cat(known, dim=1) if known else embeddings.new_zeros(len(embeddings), 0)
