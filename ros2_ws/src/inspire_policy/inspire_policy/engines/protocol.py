"""The one interface of every engine, and the choice of one by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

ENGINES = ("onnxruntime", "cuda", "tensorrt", "rtx", "auto")
AUTO = ("tensorrt", "rtx", "cuda", "onnxruntime")  # what auto tries, in order; the last one needs no device


class EngineError(Exception):
    """An engine is missing or cannot run a graph; the message says what was expected, what was found and how to mend
    it.
    """


class Engine(Protocol):
    """Runs named graphs. Not thread-safe: one thread at a time."""

    name: str

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name. Raises EngineError when inputs are missing or of the wrong shape or type."""


class CachingEngine(Engine, Protocol):
    """An engine that also keeps the decoder's keys and values where it computes, of one sequence at a time.

    On a GPU they are far more than all else that a pass reads and gives, and would go to the host and back with each.
    """

    def step(self, inputs: Mapping[str, np.ndarray], *, filled: int, rows: int = 0) -> dict[str, np.ndarray]:
        """Run the decoder over new rows behind the `filled` ones that are kept, and keep theirs.

        Args:
            inputs: all but past_keys and past_values. rows: how many of the new rows are real, all where 0.

        Returns:
            Its outputs but new_keys and new_values. Raises EngineError.
        """


def make_engine(name: str, graphs: Mapping[str, Path], *, threads: int = 1) -> Engine:
    """An engine with its graphs loaded.

    Args:
        name: "onnxruntime"; "cuda", ONNX Runtime on a GPU; "tensorrt" or "rtx", whose engines must have been built;
            "auto" takes the first of tensorrt, rtx, cuda and onnxruntime that can be had here, and logs why not the
            others.
        graphs: graph name -> ONNX file. threads: CPU threads of one run.

    Raises:
        EngineError: unknown engine, engine not installed or not built, or a file that it cannot load.
    """
    if name == "onnxruntime":
        from inspire_policy.engines.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(graphs, threads=threads)
    if name == "cuda":
        from inspire_policy.engines.onnxruntime import OnnxRuntimeCudaEngine

        return OnnxRuntimeCudaEngine(graphs, threads=threads)
    if name in ("tensorrt", "rtx"):
        from inspire_policy.engines.tensorrt.choice import open_engines

        return open_engines(name, graphs)
    if name == "auto":
        for choice in AUTO[:-1]:
            try:
                return make_engine(choice, graphs, threads=threads)
            except EngineError as error:
                logging.getLogger(__name__).info("engine auto: not %s: %s", choice, error)
        return make_engine(AUTO[-1], graphs, threads=threads)
    raise EngineError(f"engine: expected one of {', '.join(ENGINES)}, found {name!r}; set the parameter `engine`")
