"""A checkpoint on any device of PyTorch, eager or compiled, in any precision, as an engine of the robot's programs.

Keys and values stay on the device. Compiled for a GPU each graph has fixed shapes, as TensorRT's engines have, and is
replayed as a CUDA graph; on a CPU the decoder takes any number of rows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inspire_policy.engines.fixed_rows import DECODER, PAST, FixedRows, row_counts
from inspire_policy.engines.protocol import Engine
from inspire_training.bundling import cache_length, said_ids
from inspire_training.checkpoint import Checkpoint
from inspire_training.graphs import DecoderGraph, HeadGraph, PerceptionGraph

OUTPUTS = {"perception": ("embeddings",), "head": ("chunk",)}


def torch_engine(
    checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype = torch.float32, *, compiled: bool = False
) -> Engine:
    """An engine over a copy of the checkpoint's weights; compiling happens in the first runs."""
    engine = TorchDeviceEngine(checkpoint, device, dtype, compiled=compiled)
    if compiled and device.type == "cuda":
        return FixedRows(engine, row_counts(cache_length(checkpoint), codes=checkpoint.codec().codes > 0))
    return engine


class TorchDeviceEngine:
    """See the module; a caching engine."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, *, compiled: bool) -> None:
        self.name = "torch.compile" if compiled else "eager PyTorch"
        self._device, self._dtype = device, dtype
        policy = copy.deepcopy(checkpoint.model).eval().to(device, dtype)
        slots = cache_length(checkpoint)
        self._modules: dict[str, Any] = {
            "perception": PerceptionGraph(policy),
            DECODER: DecoderGraph(policy, slots, said_ids(checkpoint)).to(device),
        }
        if policy.head is not None:
            self._modules["head"] = HeadGraph(policy)
        self._names = {name: tuple(module.inputs()) for name, module in self._modules.items()}
        self._outputs = {**OUTPUTS, DECODER: self._modules[DECODER].outputs()}
        past = self._modules[DECODER].inputs()
        self._past = {name: torch.zeros_like(past[name], device=device, dtype=dtype) for name in PAST}
        self._run: dict[str, Callable] = dict(self._modules)
        if compiled:
            fixed: dict[str, Any] = {"mode": "reduce-overhead", "dynamic": False}
            mode = fixed if device.type == "cuda" else {"dynamic": True}
            self._run = {name: torch.compile(module, **mode) for name, module in self._modules.items()}

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return self._names[_plain(graph)]

    @torch.inference_mode()
    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name."""
        name = _plain(graph)
        return _on_host(self._given(name, {key: self._moved(inputs[key]) for key in self._names[name]}))

    @torch.inference_mode()
    def step(self, inputs: Mapping[str, np.ndarray], *, filled: int, rows: int = 0) -> dict[str, np.ndarray]:
        """See CachingEngine. rows: how many of the new rows are kept, all where 0."""
        moved = {key: self._moved(inputs[key]) for key in self._names[DECODER] if key not in PAST}
        outputs = self._given(DECODER, {**moved, **self._past})
        kept = rows or inputs["token_ids"].shape[1]
        for past, new in PAST.items():
            self._past[past][:, :, :, filled : filled + kept] = outputs.pop(new)[:, :, :, :kept]
        return _on_host(outputs)

    def _given(self, name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        result = self._run[name](*(tensors[key] for key in self._names[name]))
        return dict(zip(self._outputs[name], result if isinstance(result, tuple) else (result,)))

    def _moved(self, value: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(value)).to(self._device)
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor


def _on_host(outputs: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Copies wait for the device."""
    return {name: value.float().cpu().numpy() for name, value in outputs.items()}


def _plain(graph: str) -> str:
    """A decoder of fixed rows is the decoder."""
    return DECODER if graph.startswith(DECODER) else graph
