"""Two ways to read attention: the last layer alone, and rollout through all layers (arXiv 2005.00928).

Rollout takes the residual stream into account: half of what a row is comes from itself, half from where its layer
looked; the product over the layers says from which input rows a row is made. Heads are averaged in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Lens = Literal["last", "rollout"]
LENSES: tuple[Lens, ...] = ("last", "rollout")
RESIDUAL = 0.5  # share of a row that comes from itself


def last_layer(layers: Sequence[np.ndarray]) -> np.ndarray:
    """(T, T) of attention (heads, T, T) per layer: head mean of the last; rows sum to 1."""
    return np.asarray(layers[-1].mean(axis=0), dtype=np.float64)


def rollout(layers: Sequence[np.ndarray], *, residual: float = RESIDUAL) -> np.ndarray:
    """(T, T): how much input row j is in row i behind the last layer; rows sum to 1. Layers as in `last_layer`."""
    size = layers[0].shape[-1]
    found = np.eye(size)
    for heads in layers:
        mixed = residual * np.eye(size) + (1.0 - residual) * heads.mean(axis=0)
        found = (mixed / mixed.sum(axis=-1, keepdims=True)) @ found
    return found


def read(lens: Lens, layers: Sequence[np.ndarray]) -> np.ndarray:
    """The matrix (T, T) of a lens."""
    return last_layer(layers) if lens == "last" else rollout(layers)
