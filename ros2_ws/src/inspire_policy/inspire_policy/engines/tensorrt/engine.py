"""Runs engines: named tensors, buffers allocated once, pinned host memory, a CUDA graph per engine, no torch.

A run copies its inputs to pinned memory, replays copy in, inference and copy out, and waits for the stream. The graph
is captured at the second run (the first one may still allocate); where capture is refused the same calls are made one
by one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.engines.protocol import EngineError
from inspire_policy.engines.tensorrt import devices
from inspire_policy.engines.tensorrt.api import Api


@dataclass(frozen=True)
class Buffer:
    """One tensor: pinned host memory as an array of its shape, and the device's address."""

    host: np.ndarray
    device: int


class LoadedGraph:
    """One engine with its buffers on a stream."""

    def __init__(self, api: Api, runtime: Any, path: Path, stream: int) -> None:
        trt, self._cuda, self._stream = api.module, devices.runtime(), stream
        engine = runtime.deserialize_cuda_engine(path.read_bytes())
        if engine is None:
            raise EngineError(
                f"{path}: expected an engine of {trt.__name__} {api.version} for this device, found one that it does "
                "not load; build it again with `inspire build-engine`"
            )
        self._engine, self._context = engine, engine.create_execution_context()
        if self._context is None:
            raise EngineError(f"{path}: expected enough device memory for the engine, found too little")
        self.inputs: dict[str, Buffer] = {}
        self.outputs: dict[str, Buffer] = {}
        for i in range(engine.num_io_tensors):
            name = engine.get_tensor_name(i)
            buffer = self._allocate(
                tuple(engine.get_tensor_shape(name)), np.dtype(trt.nptype(engine.get_tensor_dtype(name)))
            )
            self._context.set_tensor_address(name, buffer.device)
            kind = self.inputs if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT else self.outputs
            kind[name] = buffer
        self._runs = 0
        self._graph: Any = None

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name. Raises EngineError on a wrong shape or type, and on CUDA's errors."""
        for name, buffer in self.inputs.items():
            value = inputs[name]
            if value.shape != buffer.host.shape or value.dtype != buffer.host.dtype:
                raise EngineError(
                    f"input {name}: expected {buffer.host.dtype} {buffer.host.shape}, found {value.dtype} {value.shape}"
                )
            np.copyto(buffer.host, value)
        if self._runs == 1:
            self._graph = self._captured()
        if self._graph is None:
            self._enqueue()
        else:
            devices.checked(self._cuda.cudaGraphLaunch(self._graph, self._stream))
        devices.checked(self._cuda.cudaStreamSynchronize(self._stream))
        self._runs += 1
        return {name: buffer.host.copy() for name, buffer in self.outputs.items()}

    def _enqueue(self) -> None:
        kinds = self._cuda.cudaMemcpyKind
        for buffer in self.inputs.values():
            self._copy(buffer.device, buffer.host.ctypes.data, buffer.host.nbytes, kinds.cudaMemcpyHostToDevice)
        if not self._context.execute_async_v3(self._stream):
            raise EngineError("engine: expected the inference to start, found it refused; the lines above say why")
        for buffer in self.outputs.values():
            self._copy(buffer.host.ctypes.data, buffer.device, buffer.host.nbytes, kinds.cudaMemcpyDeviceToHost)

    def _copy(self, to: int, source: int, size: int, kind: Any) -> None:
        devices.checked(self._cuda.cudaMemcpyAsync(to, source, size, kind, self._stream))

    def _captured(self) -> Any:
        """All of it as a CUDA graph; None where that is refused."""
        cuda = self._cuda
        try:
            devices.checked(
                cuda.cudaStreamBeginCapture(self._stream, cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal)
            )
            try:
                self._enqueue()
            finally:
                graph = devices.checked(cuda.cudaStreamEndCapture(self._stream))
            return devices.checked(cuda.cudaGraphInstantiate(graph, 0))
        except EngineError:
            return None

    def _allocate(self, shape: tuple[int, ...], kind: np.dtype) -> Buffer:
        size = max(1, int(np.prod(shape)) * kind.itemsize)
        device = devices.checked(self._cuda.cudaMalloc(size))
        pinned = devices.checked(self._cuda.cudaHostAlloc(size, 0))
        memory: Any = (ctypes.c_char * size).from_address(int(pinned))
        return Buffer(np.frombuffer(memory, dtype=kind, count=int(np.prod(shape))).reshape(shape), int(device))


class TensorRtEngine:
    """The engines of one folder by graph name."""

    name = "tensorrt"

    def __init__(self, graphs: Mapping[str, LoadedGraph]) -> None:
        self._graphs = graphs

    @classmethod
    def open(cls, folder: Path, api: Api) -> TensorRtEngine:
        """Load every engine of a folder onto the device. Raises EngineError."""
        names = sorted(path.stem for path in folder.glob("*.engine"))
        runtime = api.module.Runtime(api.logger())
        stream = int(devices.checked(devices.runtime().cudaStreamCreate()))
        return cls({name: LoadedGraph(api, runtime, folder / f"{name}.engine", stream) for name in names})

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return tuple(self._graphs[graph].inputs)

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name. Raises EngineError."""
        missing = [name for name in self._graphs[graph].inputs if name not in inputs]
        if missing:
            raise EngineError(
                f"engine: expected inputs {', '.join(self.inputs(graph))} of {graph}, missing {', '.join(missing)}"
            )
        return self._graphs[graph].run(inputs)
