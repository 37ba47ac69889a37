"""Activation checkpointing: blocks keep nothing but their inputs and are computed again for the backward pass."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute(blocks: Iterable[nn.Module]) -> None:
    """Make blocks recompute their activations, in place; names of parameters stay as they are.

    Nothing random happens in them, so no generator is kept.
    """
    for block in blocks:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)
