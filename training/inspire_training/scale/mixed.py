"""Mixed precision, on GPUs and on CPUs with bfloat16 units (AMX)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@contextlib.contextmanager
def autocast(device: torch.device, precision: str) -> Iterator[None]:
    """Compute in `precision` ("no", "bf16", "fp16") where that is safe, on master weights in single precision."""
    if precision not in DTYPES:
        yield
        return
    with contextlib.ExitStack() as entered:
        entered.enter_context(torch.autocast(device.type, DTYPES[precision]))
        if device.type == "cpu":
            # The fused kernel's backward pass in bfloat16 is several times slower than plain matrix products.
            entered.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield


@contextlib.contextmanager
def single(device: torch.device) -> Iterator[None]:
    """Single precision inside `autocast`, for what must not be rounded; nothing at all outside of it."""
    if not torch.is_autocast_enabled(device.type):
        yield
        return
    with torch.autocast(device.type, enabled=False):
        yield
