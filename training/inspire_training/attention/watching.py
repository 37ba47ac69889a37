"""Attention weights collected while modules run: of a decoder of transformers, and of a querying transformer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def recorded_attention(backbone: Any) -> Iterator[list[np.ndarray]]:
    """Collects the attention (heads, T, T) of every layer while a backbone runs one sequence.

    Fused kernels keep no weights, so the decoder computes its attention step by step meanwhile.

    Raises:
        ValueError: a decoder without layers of attention, or one that does not give their weights.
    """
    decoder, found = backbone.model, []
    modules = [m for name, m in decoder.named_modules() if name.endswith(("self_attn", "attn", "attention"))]
    wanted = backbone.config.layers
    if len(modules) != wanted or not hasattr(decoder, "set_attn_implementation"):
        raise ValueError(
            f"attention: expected a decoder of transformers with self-attention in each of its {wanted} layers, found "
            f"{type(decoder).__name__} with {len(modules)}; its attention cannot be drawn"
        )

    def keep(_module: Any, _inputs: Any, outputs: Any) -> None:
        weights = outputs[1] if isinstance(outputs, tuple) and len(outputs) > 1 else None
        if weights is None or weights.ndim != 4:
            raise ValueError(
                f"attention: expected {type(_module).__name__} to give its weights (B, heads, T, T), found none; its "
                "attention cannot be drawn"
            )
        found.append(weights[0].double().numpy())

    before = decoder.config._attn_implementation
    hooks = [module.register_forward_hook(keep) for module in modules]
    decoder.set_attn_implementation("eager")
    try:
        yield found
    finally:
        decoder.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()


@contextmanager
def recorded_queries(querying: Any) -> Iterator[list[np.ndarray]]:
    """Collects, while a querying transformer runs, where its queries look: per block (R + N,), the mean over queries
    and heads; rows of the language model first, then perception tokens.
    """
    found: list[np.ndarray] = []

    def keep(attention: Any, inputs: Any) -> None:
        x, (keys, _), bias = inputs
        queries = attention.query(x).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        scores = queries @ keys.transpose(-1, -2) * (keys.shape[-1] ** -0.5) + bias
        found.append(scores.softmax(dim=-1)[0].mean(dim=(0, 1)).double().numpy())

    hooks = [block.attention.register_forward_pre_hook(keep) for block in querying.blocks]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
