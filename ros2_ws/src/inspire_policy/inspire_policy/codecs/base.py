"""The one interface of every action codec, and rows of a chunk <-> leads.

A row is seven numbers: six in [-1, 1] on the action contract's scale, then the gripper opening in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from inspire_policy.action import LEAD_SIZE, ActionContract, Lead, lead_from_normalised, normalised_from_lead


class ActionCodec(Protocol):
    """How a chunk is predicted.

    Attributes:
        kind: name in the manifest. chunk_length: rows of a chunk.
        queries: query tokens fed at once (continuous), else 0. codes: code tokens generated per chunk at most, else 0.
        code_values: how many different codes there are (size of the code vocabulary), 0 for the continuous codec.
    """

    kind: str
    chunk_length: int
    queries: int
    codes: int
    code_values: int

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """What the model has to predict for rows float (chunk_length, 7): codes int64 (codes,), or the rows
        themselves.
        """

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """Rows float32 (chunk_length, 7) of codes int64 (codes,), or of the head's output (chunk_length, 7).

        Raises ValueError.
        """

    def may_follow(self, codes: Sequence[int]) -> np.ndarray:
        """The codes that may come behind these, int64; none when the chunk is complete."""


class FixedCodes:
    """A codec whose chunks all have the same number of codes."""

    codes = 0
    code_values = 0

    def may_follow(self, codes: Sequence[int]) -> np.ndarray:
        """Every code until there are enough."""
        return np.arange(self.code_values if len(codes) < self.codes else 0, dtype=np.int64)


def checked_rows(rows: np.ndarray, chunk_length: int) -> np.ndarray:
    """Rows as float64 (chunk_length, 7), clipped to their ranges.

    Raises ValueError on a wrong shape or a non-finite number.
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.shape != (chunk_length, LEAD_SIZE):
        raise ValueError(f"chunk: expected shape ({chunk_length}, {LEAD_SIZE}), found {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("chunk: expected finite numbers, found NaN or infinity")
    return np.concatenate([np.clip(rows[:, :6], -1.0, 1.0), np.clip(rows[:, 6:], 0.0, 1.0)], axis=1)


def checked_codes(codes: np.ndarray, count: int, values: int) -> np.ndarray:
    """Codes as int64 (count,). Raises ValueError on a wrong number or value."""
    codes = np.asarray(codes)
    if codes.shape != (count,) or not np.issubdtype(codes.dtype, np.integer):
        raise ValueError(f"codes: expected {count} integers, found {codes.dtype} of shape {codes.shape}")
    if codes.size and (codes.min() < 0 or codes.max() >= values):
        raise ValueError(f"codes: expected values 0..{values - 1}, found {codes.min()}..{codes.max()}")
    return codes.astype(np.int64)


def symmetric_from_rows(rows: np.ndarray) -> np.ndarray:
    """Rows with the opening stretched to [-1, 1] too, so that all seven numbers have one range."""
    return np.concatenate([rows[..., :6], 2.0 * rows[..., 6:] - 1.0], axis=-1)


def rows_from_symmetric(values: np.ndarray) -> np.ndarray:
    """The inverse of `symmetric_from_rows`."""
    return np.concatenate([values[..., :6], 0.5 * (values[..., 6:] + 1.0)], axis=-1)


def leads_from_rows(rows: np.ndarray, contract: ActionContract) -> tuple[Lead, ...]:
    """The leads of the rows (n, 7) of a chunk, clipped to the contract."""
    return tuple(lead_from_normalised(row, contract) for row in rows)


def rows_from_leads(leads: Sequence[Lead], contract: ActionContract) -> np.ndarray:
    """Rows float64 (n, 7) of leads; not clipped."""
    return np.stack([normalised_from_lead(lead, contract) for lead in leads])
