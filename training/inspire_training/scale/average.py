"""The running average of a network's weights, kept beside it shard by shard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from inspire_training.scale.sharding import local


class RunningAverage:
    """Begins with the weights that the network has. Buffers are the network's own: there is nothing to average."""

    def __init__(self, network: nn.Module) -> None:
        self._parameters = [local(parameter) for parameter in network.parameters()]
        self._values = [value.clone() for value in self._parameters]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """One step of the average."""
        torch._foreach_lerp_(self._values, self._parameters, 1.0 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Inside, the network computes with the average, bit for bit; afterwards it is as before."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for here, there in zip(self._parameters, self._values):
            kept: Tensor = here.clone()
            here.copy_(there)
            there.copy_(kept)
