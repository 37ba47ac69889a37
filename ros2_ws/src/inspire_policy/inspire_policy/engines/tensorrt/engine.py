"""Runs engines: named tensors, buffers allocated once, pinned host memory, a CUDA graph per engine, no torch.

A run copies its inputs to pinned memory, replays copy in, inference and copy out, and waits for the stream. The graph
is captured at the second run (the first one may still allocate); where capture is refused the same calls are made one
by one. The decoder's keys and values never leave the device: all its engines read the same slots, and new rows are
copied behind those that are kept.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.engines.fixed_rows import PAST, decoder_graph
from inspire_policy.engines.protocol import EngineError
from inspire_policy.engines.tensorrt import devices
from inspire_policy.engines.tensorrt.api import Api
from inspire_policy.engines.tensorrt.devices import Rows


@dataclass(frozen=True)
class Buffer:
    """One tensor: pinned host memory as an array of its shape, and the device's address."""

    host: np.ndarray
    device: int


class LoadedGraph:
    """One engine with its buffers on a stream.

    Attributes:
        inputs, outputs: tensors that travel. new: the decoder's new keys and values by the slots that keep them.
    """

    def __init__(self, api: Api, runtime: Any, path: Path, stream: int, slots: dict[str, Rows]) -> None:
        """slots: of all engines of a bundle by input; filled by the first that has them. Raises EngineError."""
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
        self.new: dict[str, Rows] = {}
        for i in range(engine.num_io_tensors):
            name = engine.get_tensor_name(i)
            shape = tuple(engine.get_tensor_shape(name))
            kind = np.dtype(trt.nptype(engine.get_tensor_dtype(name)))
            if name in PAST:
                if name not in slots:
                    slots[name] = Rows(self._memory(shape, kind), shape, kind.itemsize)
                address = slots[name].device
            elif name in PAST.values():
                self.new[name] = Rows(self._memory(shape, kind), shape, kind.itemsize)
                address = self.new[name].device
            else:
                buffer = Buffer(self._pinned(shape, kind), self._memory(shape, kind))
                travels = self.inputs if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT else self.outputs
                travels[name], address = buffer, buffer.device
            self._context.set_tensor_address(name, address)
        self._runs = 0
        self._graph: Any = None

    def run(self, inputs: Mapping[str, np.ndarray], keep: Callable[[], None] = lambda: None) -> dict[str, np.ndarray]:
        """Outputs by name; `keep` enqueues what comes behind the inference.

        Raises EngineError on a wrong shape or type, and on CUDA's errors.
        """
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
        keep()
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

    def _memory(self, shape: tuple[int, ...], kind: np.dtype) -> int:
        """Zeros on the device."""
        size = max(1, math.prod(shape) * kind.itemsize)
        address = int(devices.checked(self._cuda.cudaMalloc(size)))
        devices.checked(self._cuda.cudaMemset(address, 0, size))
        return address

    def _pinned(self, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
        size = max(1, math.prod(shape) * kind.itemsize)
        pinned = devices.checked(self._cuda.cudaHostAlloc(size, 0))
        memory: Any = (ctypes.c_char * size).from_address(int(pinned))
        return np.frombuffer(memory, dtype=kind, count=math.prod(shape)).reshape(shape)


class TensorRtEngine:
    """The engines of one folder by graph name; a caching engine."""

    name = "tensorrt"

    def __init__(self, graphs: Mapping[str, LoadedGraph], slots: Mapping[str, Rows], stream: int) -> None:
        self._graphs, self._slots, self._stream = graphs, slots, stream

    @classmethod
    def open(cls, folder: Path, api: Api) -> TensorRtEngine:
        """Load every engine of a folder onto the device. Raises EngineError."""
        names = sorted(path.stem for path in folder.glob("*.engine"))
        runtime = api.module.Runtime(api.logger())
        stream = int(devices.checked(devices.runtime().cudaStreamCreate()))
        slots: dict[str, Rows] = {}
        graphs = {name: LoadedGraph(api, runtime, folder / f"{name}.engine", stream, slots) for name in names}
        return cls(graphs, slots, stream)

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs, but for the keys and values that it keeps itself."""
        return tuple(self._graphs[graph].inputs)

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name. Raises EngineError."""
        return self._loaded(graph, inputs).run(inputs)

    def step(self, inputs: Mapping[str, np.ndarray], *, filled: int, rows: int = 0) -> dict[str, np.ndarray]:
        """See CachingEngine; the decoder is the one of so many new rows."""
        given = inputs["token_ids"].shape[1]
        loaded = self._loaded(decoder_graph(given), inputs)

        def keep() -> None:
            for past, new in PAST.items():
                devices.copy_rows(self._slots[past], loaded.new[new], filled, rows or given, self._stream)

        return loaded.run(inputs, keep)

    def _loaded(self, graph: str, inputs: Mapping[str, np.ndarray]) -> LoadedGraph:
        missing = [name for name in self._graphs[graph].inputs if name not in inputs]
        if missing:
            raise EngineError(
                f"engine: expected inputs {', '.join(self.inputs(graph))} of {graph}, missing {', '.join(missing)}"
            )
        return self._graphs[graph]
