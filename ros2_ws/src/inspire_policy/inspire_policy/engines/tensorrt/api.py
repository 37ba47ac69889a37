"""The two libraries with one API: `tensorrt` (10.x, 11.x; builds on the device that will run) and `tensorrt_rtx` (also
builds ahead of time for a compute capability, without a GPU).

Only what all of them share is used; STRONGLY_TYPED has another number in each, so flags go by name.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any

from inspire_policy.engines.protocol import EngineError

TARGETS = {"tensorrt": "tensorrt", "rtx": "tensorrt_rtx"}
INSTALL = {
    "tensorrt": "install NVIDIA's TensorRT 10 or 11 with its Python bindings",
    "rtx": "pip install tensorrt-rtx",
}


@dataclass(frozen=True)
class Api:
    """One of the libraries. `target`: its key in TARGETS. `version`: as it says itself."""

    target: str
    module: Any
    version: str

    @classmethod
    def load(cls, target: str) -> Api:
        """Import a library. Raises EngineError when it is unknown or missing."""
        if target not in TARGETS:
            raise EngineError(f"target: expected one of {', '.join(TARGETS)}, found {target!r}")
        try:
            module = importlib.import_module(TARGETS[target])
        except ImportError as error:
            raise EngineError(
                f"target {target}: expected the package {TARGETS[target]}, found: {error}; {INSTALL[target]}"
            ) from error
        return cls(target, module, str(module.__version__))

    def logger(self) -> Any:
        """A logger that says warnings and errors on stderr; the library's own one writes to stdout."""
        trt: Any = self.module
        base: Any = trt.ILogger

        class Logger(base):
            def __init__(self) -> None:
                base.__init__(self)

            def log(self, severity: Any, msg: str) -> None:
                if severity <= base.WARNING:
                    print(f"{trt.__name__}: {msg}", file=sys.stderr)

        return Logger()

    def network_flags(self) -> int:
        """Flags of `create_network`: types are what the ONNX file says."""
        return 1 << int(self.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
