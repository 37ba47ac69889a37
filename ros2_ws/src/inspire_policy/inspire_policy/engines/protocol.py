"""The one interface of every engine, and the choice of one by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

ENGINES = ("onnxruntime",)


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


def make_engine(name: str, graphs: Mapping[str, Path], *, threads: int = 1) -> Engine:
    """An engine with its graphs loaded.

    Args:
        name: "onnxruntime". graphs: graph name -> ONNX file. threads: CPU threads of one run.

    Raises:
        EngineError: unknown engine, engine not installed, or a file that it cannot load.
    """
    if name == "onnxruntime":
        from inspire_policy.engines.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(graphs, threads=threads)
    raise EngineError(f"engine: expected one of {', '.join(ENGINES)}, found {name!r}; set the parameter `engine`")
