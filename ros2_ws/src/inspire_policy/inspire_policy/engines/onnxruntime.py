"""ONNX Runtime on the CPU, and on an NVIDIA GPU by its CUDA provider.

On the CPU one thread and no spinning by default: beside a simulator, spinning threads double the latency. Arrays are
bound where they lie, so binding them by hand gains nothing there. On the GPU the decoder's keys and values are bound as
memory of the device and stay there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.engines.distributions import require_one_onnxruntime
from inspire_policy.engines.fixed_rows import DECODER, PAST
from inspire_policy.engines.protocol import EngineError
from inspire_policy.engines.tensorrt import devices


class OnnxRuntimeEngine:
    """Sessions by graph name; onnxruntime is imported here and not before."""

    name = "onnxruntime"
    provider = "CPUExecutionProvider"

    def __init__(self, graphs: Mapping[str, Path], *, threads: int = 1) -> None:
        """Raises EngineError for a file that is not loaded, and without the provider."""
        require_one_onnxruntime()
        import onnxruntime

        if self.provider not in onnxruntime.get_available_providers():
            raise EngineError(
                f"engine {self.name}: expected an ONNX Runtime with {self.provider}, found "
                f"{', '.join(onnxruntime.get_available_providers())}; pip install onnxruntime-gpu in its place"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._sessions: dict[str, Any] = {}
        for name, path in graphs.items():
            try:
                self._sessions[name] = onnxruntime.InferenceSession(str(path), options, providers=[self.provider])
            except Exception as error:  # onnxruntime's own exception types are private
                raise EngineError(
                    f"engine: expected a graph that ONNX Runtime loads in {path}, found: {error}; export again"
                ) from error
            if (found := self._sessions[name].get_providers()[0]) != self.provider:  # it falls back without a word
                raise EngineError(
                    f"engine {self.name}: expected a device for {self.provider}, found none and {found} taken; "
                    "`make doctor` says what this machine has"
                )
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


class OnnxRuntimeCudaEngine(OnnxRuntimeEngine):
    """A caching engine on the first GPU. `memory`: where its keys and values lie, by ONNX Runtime's name."""

    name = "cuda"
    provider = "CUDAExecutionProvider"
    memory = "cuda"

    def __init__(self, graphs: Mapping[str, Path], *, threads: int = 1) -> None:
        super().__init__(graphs, threads=threads)
        import onnxruntime

        shapes = {i.name: tuple(i.shape) for i in self._sessions[DECODER].get_inputs()}
        self._past = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shapes[name], np.float32), self.memory, 0)
            for name in PAST
        }

    def step(self, inputs: Mapping[str, np.ndarray], *, filled: int, rows: int = 0) -> dict[str, np.ndarray]:
        """See CachingEngine."""
        session, names = self._sessions[DECODER], self._outputs[DECODER]
        try:
            binding = session.io_binding()
            for name in self._inputs[DECODER]:
                if name in PAST:
                    binding.bind_ortvalue_input(name, self._past[name])
                else:
                    binding.bind_cpu_input(name, np.ascontiguousarray(inputs[name]))
            for name in names:
                binding.bind_output(name, self.memory if name in PAST.values() else "cpu")
            session.run_with_iobinding(binding)
            outputs = dict(zip(names, binding.get_outputs(), strict=True))
        except Exception as error:
            raise EngineError(f"engine: {DECODER} failed: {error}") from error
        count = rows or inputs["token_ids"].shape[1]
        for past, new in PAST.items():
            devices.copy_rows(_rows(self._past[past]), _rows(outputs.pop(new)), filled, count, 0)
        devices.checked(devices.runtime().cudaStreamSynchronize(0))
        return {name: value.numpy() for name, value in outputs.items()}


def _rows(value: Any) -> devices.Rows:
    """Where a tensor of single precision lies."""
    return devices.Rows(value.data_ptr(), tuple(value.shape()), 4)
