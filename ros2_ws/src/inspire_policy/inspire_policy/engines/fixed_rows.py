"""A decoder of fixed row counts behind the one interface: rows are padded to the next count, and cut off again.

Engines of static shapes need no shape inference at run time and can be captured in a CUDA graph. A padded row stands
behind the real ones, where no real row sees it, and sees the first new row, so that its softmax is defined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inspire_policy.engines.protocol import Engine, EngineError
from inspire_policy.sequence import MASKED

DECODER = "decoder"
PAST = {"past_keys": "new_keys", "past_values": "new_values"}  # what is kept -> what a pass adds to it
ROW_AXIS = {"logits": 1, "hidden": 1, "new_keys": 3, "new_values": 3, "states": 2}


def row_counts(cache_length: int, *, codes: bool) -> tuple[int, ...]:
    """The row counts to build for: a whole tick, what is left after an answer that was not expected, and one code.

    Args:
        cache_length: slots of the key/value cache, the most rows of one pass. codes: whether codes of actions or
            locations are generated one by one.
    """
    part = min(cache_length, 16 * -(-cache_length // 48))
    return tuple(sorted({cache_length, part, *((1,) if codes else ())}))


def decoder_graph(rows: int) -> str:
    """The name of the decoder graph of so many rows."""
    return f"{DECODER}_{rows}"


def padded(inputs: Mapping[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """The decoder's inputs with `rows` new rows; see DecoderSpec and `attention_bias` for their shapes."""
    given = inputs["token_ids"].shape[1]
    more = rows - given
    if more == 0:
        return dict(inputs)
    bias = np.pad(inputs["attention_bias"], ((0, 0), (0, 0), (0, more), (0, more)), constant_values=MASKED)
    bias[:, :, given:, -rows] = 0.0
    positions = inputs["position_ids"]
    return {
        **inputs,
        "token_ids": np.pad(inputs["token_ids"], ((0, 0), (0, more))),
        "embeddings": np.pad(inputs["embeddings"], ((0, 0), (0, more), (0, 0))),
        "use_embeddings": np.pad(inputs["use_embeddings"], ((0, 0), (0, more), (0, 0))),
        "position_ids": np.pad(positions, ((0, 0), (0, more)), mode="edge"),
        "attention_bias": bias,
    }


class FixedRows:
    """An engine with decoder graphs of fixed row counts, as one with a decoder of any."""

    def __init__(self, engine: Engine, counts: Sequence[int]) -> None:
        self.name = engine.name
        self._engine = engine
        self._counts = sorted(counts)
        if hasattr(engine, "step"):
            self.step = self._step

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return self._engine.inputs(decoder_graph(self._counts[0]) if graph == DECODER else graph)

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name. Raises EngineError, also for more decoder rows than the largest count."""
        if graph != DECODER:
            return self._engine.run(graph, inputs)
        given = inputs["token_ids"].shape[1]
        rows = self._rows(given)
        return _cut(self._engine.run(decoder_graph(rows), padded(inputs, rows)), given)

    def _step(self, inputs: Mapping[str, np.ndarray], *, filled: int) -> dict[str, np.ndarray]:
        """See CachingEngine."""
        given = inputs["token_ids"].shape[1]
        engine: Any = self._engine
        return _cut(engine.step(padded(inputs, self._rows(given)), filled=filled, rows=given), given)

    def _rows(self, given: int) -> int:
        rows = next((count for count in self._counts if count >= given), None)
        if rows is None:
            raise EngineError(f"engine: expected at most {self._counts[-1]} decoder rows, found {given}")
        return rows


def _cut(outputs: Mapping[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """Outputs without padded rows."""
    return {
        name: value.take(range(rows), axis=ROW_AXIS[name]) if name in ROW_AXIS else value
        for name, value in outputs.items()
    }
