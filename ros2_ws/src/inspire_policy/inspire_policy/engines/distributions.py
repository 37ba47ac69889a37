"""Which ONNX Runtime is installed. Two distributions (CPU and GPU) write the same files: with both, the last half wins.

The extras `cpu` and `gpu` of this package exclude each other; pip cannot express that, so it is checked where a session
is made.
"""

from __future__ import annotations

from importlib import metadata

from inspire_policy.engines.protocol import EngineError

DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu")


def require_one_onnxruntime(installed: tuple[str, ...] | None = None) -> str:
    """The name of the one installed distribution of ONNX Runtime.

    installed: names to judge instead of what this environment holds. Raises EngineError for none and for more than one.
    """
    found = tuple(name for name in DISTRIBUTIONS if _is_installed(name)) if installed is None else installed
    if len(found) == 1:
        return found[0]
    if not found:
        raise EngineError(
            "engine: expected one of onnxruntime and onnxruntime-gpu, found none; pip install onnxruntime "
            "(or the extra cpu or gpu of inspire_policy)"
        )
    raise EngineError(
        f"engine: expected one of onnxruntime and onnxruntime-gpu, found {' and '.join(found)}, "
        f"which overwrite each other's files; pip uninstall -y {' '.join(found)}, then install the one you want"
    )


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
