"""A static key/value cache around the decoder graph: what was fed once is never computed again within a tick. An engine
that keeps it itself (`CachingEngine`) does; else it lies here.

A graph that also gives the states of its layers, for an action expert, has them kept beside, row by row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inspire_policy.engines.fixed_rows import DECODER
from inspire_policy.engines.protocol import Engine
from inspire_policy.manifest import DecoderSpec
from inspire_policy.sequence import attention_bias


class CachedDecoder:
    """Feeds rows to the decoder graph; `begin` forgets them. Buffers are made once.

    Attributes:
        filled: rows of the sequence so far. passes: runs of the graph for it. states: (layers, cache_length, width) of
            the rows fed, with `layers` layers whose states the graph gives.
    """

    def __init__(self, engine: Engine, spec: DecoderSpec, width: int, *, layers: int = 0) -> None:
        shape = (spec.layers, 1, spec.kv_heads, spec.cache_length, spec.head_dim)
        self._engine: Any = engine
        self._elsewhere = hasattr(engine, "step")
        self._keys = np.zeros((0,) if self._elsewhere else shape, dtype=np.float32)
        self._values = np.zeros_like(self._keys)
        self._length = spec.cache_length
        self._width = width
        self.states = np.zeros((layers, spec.cache_length, width), dtype=np.float32)
        self.filled = 0
        self.passes = 0

    def begin(self) -> None:
        """Start a new sequence. Old slots need no clearing: the bias masks what is not filled."""
        self.filled = 0
        self.passes = 0

    def rewind(self, rows: int) -> None:
        """Forget what was fed behind the first `rows` rows of this sequence."""
        if not 0 <= rows <= self.filled:
            raise ValueError(f"rewind: expected 0 to {self.filled} rows, found {rows}")
        self.filled = rows

    def feed(
        self, token_ids: np.ndarray, embeddings: np.ndarray | None = None, *, first: int = 0, bidirectional: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run new rows through the decoder in one pass and keep their keys and values.

        Args:
            token_ids: (T,) int64.
            embeddings: (N, width) float32 taken instead of the token embeddings of rows first..first+N-1, or None.
            bidirectional: the first so many new rows see each other both ways.

        Returns:
            Logits (T, V), V the columns of DecoderSpec, and hidden states (T, width). Raises ValueError when the cache
            is full.
        """
        rows = len(token_ids)
        if self.filled + rows > self._length:
            raise ValueError(
                f"sequence: expected at most {self._length} tokens, found {self.filled + rows}; shorten the instruction"
            )
        given = np.zeros((1, rows, self._width), dtype=np.float32)
        use = np.zeros((1, rows, 1), dtype=np.float32)
        if embeddings is not None:
            given[0, first : first + len(embeddings)] = embeddings
            use[0, first : first + len(embeddings)] = 1.0
        bias = attention_bias(rows, cached=self.filled, cache_length=self._length, bidirectional=bidirectional)
        inputs = {
            "token_ids": token_ids[None],
            "embeddings": given,
            "use_embeddings": use,
            "position_ids": np.arange(self.filled, self.filled + rows, dtype=np.int64)[None],
            "attention_bias": bias[None, None],
        }
        end = self.filled + rows
        if self._elsewhere:
            outputs = self._engine.step(inputs, filled=self.filled)
        else:
            outputs = self._engine.run(DECODER, {**inputs, "past_keys": self._keys, "past_values": self._values})
            self._keys[:, :, :, self.filled : end] = outputs["new_keys"]
            self._values[:, :, :, self.filled : end] = outputs["new_values"]
        if len(self.states):
            self.states[:, self.filled : end] = outputs["states"][:, 0]
        self.filled = end
        self.passes += 1
        return outputs["logits"][0], outputs["hidden"][0]
