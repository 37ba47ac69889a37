"""The CUDA runtime through `cuda-bindings`: which device this is, and calls whose errors are raised."""

from __future__ import annotations

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
