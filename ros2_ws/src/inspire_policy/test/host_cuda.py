"""A CUDA runtime whose device is the host's own memory, and a TensorRT whose engines ONNX Runtime computes: for what
the engines do around a device (buffers, copies, graphs, kept rows, refusals), on machines that have none.

It is driven by the same calls and gives the same kinds of values as `cuda.bindings.runtime` and `tensorrt`; what it
cannot show is that a device does so too.
"""

from __future__ import annotations

import ctypes
import json
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

KINDS = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}
SM = (9, 0)


class Status(int):
    """A status with its name, as the bindings have it."""

    name = "cudaSuccess"


class OutOfMemory(Status):
    name = "cudaErrorMemoryAllocation"


class NotPermitted(Status):
    name = "cudaErrorStreamCaptureUnsupported"


OK = Status(0)


class HostCuda:
    """See the module. free: bytes that can be allocated. captures: whether streams can be captured. calls: by name."""

    cudaMemcpyKind = types.SimpleNamespace(
        cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2, cudaMemcpyDeviceToDevice=3
    )
    cudaStreamCaptureMode = types.SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
    cudaDeviceAttr = types.SimpleNamespace(cudaDevAttrComputeCapabilityMajor=0, cudaDevAttrComputeCapabilityMinor=1)

    def __init__(self, *, free: int = 2**30, captures: bool = True) -> None:
        self.free, self.captures = free, captures
        self.calls: dict[str, int] = {}
        self._memory: list[ctypes.Array] = []
        self._captured: list[Callable[[], None]] | None = None

    def do(self, name: str, work: Callable[[], None]) -> None:
        """Now, or at every launch of what is being captured."""
        self.calls[name] = self.calls.get(name, 0) + 1
        if self._captured is None:
            work()
        else:
            self._captured.append(work)

    def cudaGetDeviceCount(self):
        return OK, 1

    def cudaDeviceGetAttribute(self, kind, device):
        return OK, SM[kind]

    def cudaStreamCreate(self):
        return OK, 7

    def cudaStreamSynchronize(self, stream):
        return (OK,)

    def cudaMalloc(self, size):
        if size > self.free:
            return OutOfMemory(2), None
        self.free -= size
        self._memory.append((ctypes.c_char * size)())
        ctypes.memset(self._memory[-1], 0xAB, size)
        return OK, ctypes.addressof(self._memory[-1])

    def cudaHostAlloc(self, size, flags):
        return self.cudaMalloc(size)

    def cudaMemset(self, address, value, size):
        ctypes.memset(address, value, size)
        return (OK,)

    def cudaMemcpyAsync(self, to, source, size, kind, stream):
        self.do("copy", lambda: ctypes.memmove(to, source, size) and None)
        return (OK,)

    def cudaMemcpy2DAsync(self, to, to_pitch, source, source_pitch, width, height, kind, stream):
        assert width <= to_pitch and width <= source_pitch

        def work():
            for row in range(height):
                ctypes.memmove(to + row * to_pitch, source + row * source_pitch, width)

        self.do("rows", work)
        return (OK,)

    def cudaStreamBeginCapture(self, stream, mode):
        if not self.captures:
            return (NotPermitted(900),)
        self._captured = []
        return (OK,)

    def cudaStreamEndCapture(self, stream):
        captured, self._captured = self._captured, None
        return OK, captured

    def cudaGraphInstantiate(self, graph, flags):
        return OK, graph

    def cudaGraphLaunch(self, graph, stream):
        self.calls["launch"] = self.calls.get("launch", 0) + 1
        for work in graph:
            work()
        return (OK,)


class HostEngine:
    """An engine over an ONNX file with its inputs' shapes, and its own context."""

    def __init__(self, cuda: HostCuda, plan: dict) -> None:
        self._cuda = cuda
        self._session = onnxruntime.InferenceSession(plan["onnx"], providers=["CPUExecutionProvider"])
        self._inputs = [i.name for i in self._session.get_inputs()]
        self._outputs = [o.name for o in self._session.get_outputs()]
        types_ = {t.name: KINDS[t.type] for t in (*self._session.get_inputs(), *self._session.get_outputs())}
        blank = {
            i.name: np.zeros(plan["shapes"].get(i.name, i.shape), types_[i.name]) for i in self._session.get_inputs()
        }
        shaped = {**blank, **dict(zip(self._outputs, self._session.run(None, blank)))}
        self._like = {name: (value.shape, np.dtype(types_[name])) for name, value in shaped.items()}
        self._addresses: dict[str, int] = {}
        self.num_io_tensors = len(self._like)

    def get_tensor_name(self, number):
        return list(self._like)[number]

    def get_tensor_shape(self, name):
        return self._like[name][0]

    def get_tensor_dtype(self, name):
        return self._like[name][1]

    def get_tensor_mode(self, name):
        return "input" if name in self._inputs else "output"

    def create_execution_context(self):
        return self

    def set_tensor_address(self, name, address):
        self._addresses[name] = address

    def execute_async_v3(self, stream):
        def work():
            outputs = self._session.run(None, {name: self._array(name).copy() for name in self._inputs})
            for name, value in zip(self._outputs, outputs):
                self._array(name)[...] = value

        self._cuda.do("infer", work)
        return True

    def _array(self, name: str) -> np.ndarray:
        shape, kind = self._like[name]
        size = int(np.prod(shape)) * kind.itemsize
        return np.frombuffer((ctypes.c_char * size).from_address(self._addresses[name]), kind).reshape(shape)


def tensorrt_on(cuda: HostCuda) -> types.SimpleNamespace:
    """The module `tensorrt` on that device. An engine file is JSON; anything else is not loaded."""

    def deserialize(content: bytes):
        try:
            return HostEngine(cuda, json.loads(content))
        except ValueError:
            return None

    class ILogger:
        WARNING = 2

    return types.SimpleNamespace(
        __name__="tensorrt",
        ILogger=ILogger,
        nptype=lambda kind: kind,
        TensorIOMode=types.SimpleNamespace(INPUT="input", OUTPUT="output"),
        Runtime=lambda logger: types.SimpleNamespace(deserialize_cuda_engine=deserialize),
    )


def write_engine(path: Path, onnx: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """An engine file."""
    path.write_text(json.dumps({"onnx": str(onnx), "shapes": shapes}))
