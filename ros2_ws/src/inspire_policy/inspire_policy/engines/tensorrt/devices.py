"""The CUDA runtime through `cuda-bindings`: which device this is, calls whose errors are raised, and rows of keys and
values copied behind each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from inspire_policy.engines.protocol import EngineError


def runtime() -> Any:
    """The module of the CUDA runtime's bindings. Raises EngineError when it is not installed."""
    try:
        from cuda.bindings import runtime as cudart
    except ImportError as error:
        raise EngineError(
            f"engine: expected the package cuda-bindings, found: {error}; pip install inspire_policy[tensorrt]"
        ) from error
    return cudart


def checked(result: tuple[Any, ...]) -> Any:
    """What a call returned behind its status: None, one value or a tuple. Raises EngineError on any error."""
    status, *values = result
    if int(status) != 0:
        raise EngineError(f"CUDA: expected success, found {status.name}; `make doctor` says what this machine has")
    return values[0] if len(values) == 1 else tuple(values) or None


def this_device() -> str:
    """Compute capability of the first device, such as "sm_90". Raises EngineError without driver or device."""
    cudart = runtime()
    count = checked(cudart.cudaGetDeviceCount())
    if count < 1:
        raise EngineError("CUDA: expected a device, found none")
    kinds = cudart.cudaDeviceAttr
    major, minor = (
        checked(cudart.cudaDeviceGetAttribute(kind, 0))
        for kind in (kinds.cudaDevAttrComputeCapabilityMajor, kinds.cudaDevAttrComputeCapabilityMinor)
    )
    return f"sm_{major}{minor}"


@dataclass(frozen=True)
class Rows:
    """Keys or values on the device: its address, (layers, 1, kv_heads, rows, head_dim), bytes of a number."""

    device: int
    shape: tuple[int, ...]
    itemsize: int

    @property
    def pitch(self) -> int:
        """Bytes from one head's rows to the next one's."""
        return self.shape[-2] * self.row

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return self.shape[-1] * self.itemsize


def copy_rows(to: Rows, source: Rows, first: int, count: int, stream: int) -> None:
    """Enqueue a copy of the first `count` rows of `source`, every layer and head, to the rows from `first` on.

    Raises EngineError where they do not fit, and on CUDA's errors.
    """
    if first + count > to.shape[-2] or count > source.shape[-2]:
        raise EngineError(f"cache: expected rows up to {to.shape[-2]}, found {first} kept and {count} new ones")
    cudart = runtime()
    height, place = math.prod(to.shape[:-2]), to.device + first * to.row
    kind = cudart.cudaMemcpyKind.cudaMemcpyDeviceToDevice
    checked(
        cudart.cudaMemcpy2DAsync(place, to.pitch, source.device, source.pitch, count * to.row, height, kind, stream)
    )
