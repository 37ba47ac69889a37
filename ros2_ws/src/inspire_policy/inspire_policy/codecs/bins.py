"""Binning codec: each number of a chunk is one of 256 uniform bins over its range; chunk_length x 7 codes, row by
row.
"""

from __future__ import annotations

import numpy as np

from inspire_policy.action import LEAD_SIZE
from inspire_policy.codecs.base import FixedCodes, checked_codes, checked_rows, rows_from_symmetric, symmetric_from_rows


class BinsCodec(FixedCodes):
    """Uniform bins; a code decodes to the centre of its bin, so the error is at most half a bin (1 / bins of the range
    [-1, 1]).
    """

    kind = "bins"
    queries = 0

    def __init__(self, chunk_length: int, bins: int = 256) -> None:
        if bins < 2:
            raise ValueError(f"bins: expected at least 2, found {bins}")
        self.chunk_length = chunk_length
        self.codes = chunk_length * LEAD_SIZE
        self.code_values = bins

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Codes int64 (chunk_length * 7,) of rows (chunk_length, 7)."""
        values = symmetric_from_rows(checked_rows(rows, self.chunk_length)).reshape(-1)
        return np.clip(np.floor((values + 1.0) / 2.0 * self.code_values), 0, self.code_values - 1).astype(np.int64)

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """Rows float32 (chunk_length, 7) of codes int64 (chunk_length * 7,)."""
        codes = checked_codes(predicted, self.codes, self.code_values)
        centres = (codes + 0.5) / self.code_values * 2.0 - 1.0
        return rows_from_symmetric(centres.reshape(self.chunk_length, LEAD_SIZE)).astype(np.float32)
