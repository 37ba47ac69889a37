"""Projectors: features of the vision to embeddings of the language model."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def mlp_projector(features: int, width: int) -> nn.Sequential:
    """Three layers with exact GELUs: features -> 4 x features -> width -> width."""
    return nn.Sequential(
        nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, width), nn.GELU(), nn.Linear(width, width)
    )


def _identity(features: int, width: int) -> nn.Module:
    if features != width:
        raise ValueError(
            f"projector identity: expected features as wide as the language model ({width}), found {features}"
        )
    return nn.Identity()


PROJECTORS: dict[str, Callable[[int, int], nn.Module]] = {"identity": _identity, "mlp": mlp_projector}


def make_projector(kind: str, features: int, width: int) -> nn.Module:
    """The projector `kind` from (B, N, features) to (B, N, width). Raises ValueError."""
    if kind not in PROJECTORS:
        raise ValueError(f"projector: expected one of {', '.join(PROJECTORS)}, found {kind!r}")
    return PROJECTORS[kind](features, width)
