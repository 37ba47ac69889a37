"""ONNX Runtime on the CPU.

One thread and no spinning by default: beside a simulator, spinning threads double the latency.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.engines.distributions import require_one_onnxruntime
from inspire_policy.engines.protocol import EngineError


class OnnxRuntimeEngine:
    """Sessions by graph name; onnxruntime is imported here and not before."""

    name = "onnxruntime"

    def __init__(self, graphs: Mapping[str, Path], *, threads: int = 1) -> None:
        require_one_onnxruntime()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._sessions: dict[str, Any] = {}
        for name, path in graphs.items():
            try:
                self._sessions[name] = onnxruntime.InferenceSession(
                    str(path), options, providers=["CPUExecutionProvider"]
                )
            except Exception as error:  # onnxruntime's own exception types are private
                raise EngineError(
                    f"engine: expected a graph that ONNX Runtime loads in {path}, found: {error}; export again"
                ) from error
        self._inputs = {name: tuple(i.name for i in session.get_inputs()) for name, session in self._sessions.items()}
        self._outputs = {name: [o.name for o in session.get_outputs()] for name, session in self._sessions.items()}

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return self._inputs[graph]

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name.

        Inputs that the graph does not have are left out: the exporter drops those a model does not use.
        """
        session = self._sessions[graph]
        missing = [name for name in self._inputs[graph] if name not in inputs]
        if missing:
            raise EngineError(
                f"engine: expected inputs {', '.join(self._inputs[graph])} of {graph}, missing {', '.join(missing)}; "
                "export again"
            )
        try:
            values = session.run(None, {name: inputs[name] for name in self._inputs[graph]})
        except Exception as error:
            raise EngineError(f"engine: {graph} failed: {error}") from error
        return dict(zip(self._outputs[graph], values, strict=True))
