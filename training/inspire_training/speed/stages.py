"""Where a tick's time goes: an engine whose runs are timed and sorted into vision, prefill and decode.

A run of the decoder that is given embeddings of images is a prefill, any other decodes. What a run needs at least is
judged from `runs`, see `floor`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from inspire_policy.engines.fixed_rows import DECODER
from inspire_policy.engines.protocol import Engine

VISION, PREFILL, DECODE, REST, TICK = "vision", "prefill", "decode", "rest", "tick"
STAGES = (VISION, PREFILL, DECODE, REST, TICK)
Outputs = dict[str, np.ndarray]


class StageClock:
    """An engine that times another.

    Attributes:
        seconds: stage -> s since `begin`. runs: (graph, rows) since then, rows 0 but for the decoder.
    """

    def __init__(self, engine: Engine) -> None:
        self.name, self._engine = engine.name, engine
        self.begin()
        if hasattr(engine, "step"):
            self.step = self._step

    def begin(self) -> None:
        """Forget what was timed."""
        self.seconds = dict.fromkeys((VISION, PREFILL, DECODE), 0.0)
        self.runs: list[tuple[str, int]] = []

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return self._engine.inputs(graph)

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> Outputs:
        """Outputs by name."""
        return self._timed(graph, inputs, lambda: self._engine.run(graph, inputs))

    def _step(self, inputs: Mapping[str, np.ndarray], *, filled: int) -> Outputs:
        """See CachingEngine."""
        return self._timed(DECODER, inputs, lambda: self._engine.step(inputs, filled=filled))  # type: ignore[attr-defined]

    def _timed(self, graph: str, inputs: Mapping[str, np.ndarray], call: Callable[[], Outputs]) -> Outputs:
        begin = time.perf_counter()
        outputs = call()
        if graph == "perception":
            stage, rows = VISION, 0
        elif graph == DECODER:
            stage = PREFILL if inputs["use_embeddings"].any() else DECODE
            rows = inputs["token_ids"].shape[1]
        else:
            stage, rows = DECODE, 0
        self.seconds[stage] += time.perf_counter() - begin
        self.runs.append((graph, rows))
        return outputs
