"""Learning-rate groups: the language model, the expert, and what stands between them and the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from inspire_training.expert.settings import RateScales


def part_of(name: str) -> str:
    """The field of RateScales that a parameter of the policy belongs to, by its name."""
    if name.startswith("backbone."):
        return "language"
    return "expert" if name.startswith(("expert.network.", "expert.untold", "head.")) else "bridge"


def rate_groups(model: nn.Module, decay: float, scales: RateScales) -> list[dict[str, Any]]:
    """Groups of an optimiser: matrices decay, vectors (norms, biases) do not; `scale` multiplies the rate.

    Parts of the same scale share their groups.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    named: Mapping[str, nn.Parameter] = dict(model.named_parameters())
    for wanted in (True, False):
        for name, parameter in named.items():
            if parameter.requires_grad and (parameter.ndim >= 2) == wanted:
                groups.setdefault((getattr(scales, part_of(name)), wanted), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay if matrices else 0.0, "scale": scale}
        for (scale, matrices), parameters in groups.items()
    ]
