"""The bridge between the language model and the expert: what the expert wants changes the language model by a share.

h' = g h + (1 - g) stop_gradient(h): the forward pass is the identity, bit for bit, and the gradient is g times what it
would be. With g = 0 the expert only reads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, hidden: Tensor, share: float) -> Tensor:
        context.share = share
        return hidden.view_as(hidden)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * context.share, None


def bridged(hidden: Tensor, share: float) -> Tensor:
    """The very same numbers; of their gradient `share` (0 to 1) goes back."""
    if share == 1.0:
        return hidden
    return hidden.detach() if share == 0.0 else _ScaledGradient.apply(hidden, share)
