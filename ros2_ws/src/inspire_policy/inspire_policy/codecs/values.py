"""The numbers that a codec encodes, made of the rows of a chunk; the arrays of codec.npz say how.

Without statistics the motion is taken as it is and the gripper opening is stretched to [-1, 1], so that all seven
numbers have one range. With `q01`, `q99` and `mask`, (7,) each, the masked numbers are stretched from their quantiles
to [-1, 1] and the others are taken as they are: the scaling of the published checkpoints, whose statistics they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspire_policy.action import LEAD_SIZE
from inspire_policy.codecs.base import rows_from_symmetric, symmetric_from_rows

STATISTICS = ("q01", "q99", "mask")


class Values:
    """Rows (..., 7) <-> values (..., 7)."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        found = [name for name in STATISTICS if name in arrays]
        if found and (len(found) < len(STATISTICS) or any(arrays[n].shape != (LEAD_SIZE,) for n in found)):
            shapes = {name: arrays[name].shape for name in found}
            raise ValueError(
                f"codec statistics: expected {', '.join(STATISTICS)} of shape ({LEAD_SIZE},) each, found {shapes}; "
                "export the bundle again"
            )
        self._scaled = bool(found)
        if found:
            self._low, self._high = (np.asarray(arrays[name], dtype=np.float64) for name in ("q01", "q99"))
            self._mask = np.asarray(arrays["mask"], dtype=bool)

    def from_rows(self, rows: np.ndarray) -> np.ndarray:
        """Values of rows."""
        if not self._scaled:
            return symmetric_from_rows(rows)
        scaled = np.clip(2.0 * (rows - self._low) / (self._high - self._low + 1e-8) - 1.0, -1.0, 1.0)
        return np.where(self._mask, scaled, rows)

    def to_rows(self, values: np.ndarray) -> np.ndarray:
        """Rows of values; not clipped."""
        if not self._scaled:
            return rows_from_symmetric(values)
        return np.where(self._mask, 0.5 * (values + 1.0) * (self._high - self._low) + self._low, values)
