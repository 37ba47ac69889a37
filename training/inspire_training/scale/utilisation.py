"""Model FLOP utilisation: the arithmetic that a step needs, per second, as a share of what the device can do.

Counted are the matrix products of one forward pass, from the shapes that really go through the network, and twice as
much for the backward pass; what activation checkpointing computes again is no use and not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from inspire_training.scale.mixed import DTYPES

# Dense tensor-core peaks, FLOP/s, as the vendor gives them: half precision, single precision.
PEAKS = {
    "H100": (989e12, 67e12), "H200": (989e12, 67e12), "GH200": (989e12, 67e12), "B200": (2250e12, 80e12),
    "A100": (312e12, 19.5e12), "L40S": (362e12, 91.6e12), "RTX 4090": (165e12, 82.6e12),
}  # fmt: skip


class Arithmetic:
    """Counts the floating-point operations of a forward pass, those of frozen parts separately.

    Attributes:
        tokens: rows of the sequences of a pass, padding included.
    """

    def __init__(self) -> None:
        self.trained = self.frozen = self.tokens = 0

    @property
    def of_a_step(self) -> int:
        """Forward and backward; frozen parts go forward only."""
        return 3 * self.trained + self.frozen

    @contextmanager
    def counting(self, network: Any) -> Iterator[None]:
        """Count what runs inside."""
        hooks = [module.register_forward_hook(self._count) for module in network.modules()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def add_decoder(self, network: Any, batch: Any) -> None:
        """What no module's hook sees: attention of the decoder, and the logits by its embedding table."""
        size, rows = batch.token_ids.shape
        self.tokens += size * rows
        config = network.backbone.config
        said = batch.answer_rows.shape[1] + batch.code_rows.shape[1] + batch.end_rows.shape[1]
        wanted = (
            said + batch.query_rows.shape[1] + batch.offset_rows.shape[1]
        )  # all that the last layer is computed for
        pairs = rows * ((config.layers - 1) * rows + wanted)
        self.trained += 4 * size * pairs * config.heads * config.head_dim
        self.trained += 2 * size * said * config.width * network.backbone.model.get_input_embeddings().num_embeddings

    def _count(self, module: nn.Module, inputs: Any, output: Any) -> None:
        found = 0
        if isinstance(module, nn.Linear):
            found = 2 * output.numel() * module.in_features
        elif isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] * module.kernel_size[1]
            found = 2 * output.numel() * kernel * module.in_channels // module.groups
        elif hasattr(module, "qkv") and isinstance(output, Tensor):  # attention of a vision transformer
            size, rows, width = inputs[0].shape
            found = 4 * size * rows * rows * width
        if any(parameter.requires_grad for parameter in module.parameters(recurse=True)):
            self.trained += found
        else:
            self.frozen += found


def peak(device: torch.device, precision: str) -> float:
    """FLOP/s that a device can do: the vendor's number where it is known, else what a large matrix product reaches."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for known, (half, single) in sorted(PEAKS.items(), key=lambda item: -len(item[0])):
            if known in name:
                return half if precision in ("bf16", "fp16") else single
    return measured_rate(device, precision)


def measured_rate(device: torch.device, precision: str) -> float:
    """FLOP/s that a large matrix product reaches, the best of several."""
    side = 4096 if device.type == "cuda" else 384
    kind = DTYPES.get(precision, torch.float32)
    matrix = torch.rand(side, side, device=device, dtype=kind)
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        (matrix @ matrix)[0, 0].item()
        best = min(best, time.perf_counter() - begin)
    return 2 * side**3 / best
