"""Binning as published with OpenVLA: 256 edges over [-1, 1], so 255 bins; the code is the number of edges at or below
the value, less one, and the last code stands for the last bin as well. chunk_length x 7 codes, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspire_policy.action import LEAD_SIZE
from inspire_policy.codecs.base import FixedCodes, checked_codes, checked_rows
from inspire_policy.codecs.values import Values


class EdgeBinsCodec(FixedCodes):
    """A code decodes to the centre of its bin."""

    kind = "edge_bins"
    queries = 0

    def __init__(self, chunk_length: int, arrays: Mapping[str, np.ndarray], edges: int = 256) -> None:
        if edges < 2:
            raise ValueError(f"bins: expected at least 2 edges, found {edges}")
        self.chunk_length = chunk_length
        self.codes = chunk_length * LEAD_SIZE
        self.code_values = edges
        self._edges = np.linspace(-1.0, 1.0, edges)
        self._values = Values(arrays)

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Codes int64 (chunk_length * 7,) of rows (chunk_length, 7)."""
        values = self._values.from_rows(checked_rows(rows, self.chunk_length)).reshape(-1)
        return np.digitize(np.clip(values, -1.0, 1.0), self._edges).astype(np.int64) - 1

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """Rows float32 (chunk_length, 7) of codes int64 (chunk_length * 7,), clipped."""
        codes = checked_codes(predicted, self.codes, self.code_values)
        centres = (self._edges[:-1] + self._edges[1:]) / 2.0
        values = centres[np.minimum(codes, len(centres) - 1)].reshape(self.chunk_length, LEAD_SIZE)
        return checked_rows(self._values.to_rows(values), self.chunk_length).astype(np.float32)
