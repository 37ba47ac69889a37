"""Continuous codec: one query token per step; the head turns their hidden states into the rows.

One decoder pass per chunk.
"""

from __future__ import annotations

import numpy as np

from inspire_policy.codecs.base import FixedCodes, checked_rows


class ContinuousCodec(FixedCodes):
    """Rows as they are."""

    kind = "continuous"

    def __init__(self, chunk_length: int) -> None:
        self.chunk_length = chunk_length
        self.queries = chunk_length

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """The rows (chunk_length, 7) float32, checked and clipped."""
        return checked_rows(rows, self.chunk_length).astype(np.float32)

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """The rows (chunk_length, 7) float32 of the head's output of that shape, checked and clipped."""
        return checked_rows(predicted, self.chunk_length).astype(np.float32)
