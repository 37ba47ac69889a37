"""Keep-out boxes: the straight way from the measured position to the target enters none of them.

A way that would enter is bent along the face that it meets, by moving one coordinate of the target back towards the
measured one; that makes a box safe for good, so one bend per box is enough. A tool that already is inside may only move
so that it gets no deeper. The tool is a point: boxes must be drawn larger by what it carries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

START = 0.01  # part of the way that shows whether it goes deeper


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the base frame, m. Its faces do not belong to what is kept out."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (*self.low, *self.high)):
            raise ValueError(f"keep-out box: expected finite numbers (m), found {self.low} to {self.high}")
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(
                f"keep-out box: expected the lower corner below the upper on each axis, found {self.low}, {self.high}"
            )

    def depth(self, position: np.ndarray) -> float:
        """How far inside the nearest face a position (3,) is, m; 0 or less outside."""
        return min(min(p - low, high - p) for p, low, high in zip(position.tolist(), self.low, self.high, strict=True))

    def entry(self, start: np.ndarray, end: np.ndarray) -> tuple[int, float] | None:
        """Axis and coordinate (m) of the face through which the way from `start`, outside, enters; None if it does not.

        A way that ends on a face or slides along it does not enter.
        """
        axis, face, first, last = -1, 0.0, -math.inf, math.inf
        for index, (s, e, low, high) in enumerate(zip(start.tolist(), end.tolist(), self.low, self.high, strict=True)):
            if s <= low:
                if e <= low:
                    return None
                enters, leaves, near = (low - s) / (e - s), (high - s) / (e - s), low
            elif s >= high:
                if e >= high:
                    return None
                enters, leaves, near = (high - s) / (e - s), (low - s) / (e - s), high
            else:  # within the slab from the start: no face to meet on this axis
                leaves = (high - s) / (e - s) if e > high else (low - s) / (e - s) if e < low else math.inf
                last = min(last, leaves)
                continue
            last = min(last, leaves)
            if enters > first:
                axis, face, first = index, near, enters
        return (axis, face) if axis >= 0 and first < last else None


def boxes_from_numbers(numbers: tuple[float, ...]) -> tuple[Box, ...]:
    """Boxes from six numbers each: lower corner x y z, upper corner x y z, m. Six zeros are no box."""
    if len(numbers) % 6:
        raise ValueError(
            f"keep_out: expected six numbers (m) for each box, lower corner x y z, upper corner x y z; "
            f"found {len(numbers)} numbers"
        )
    rows = [numbers[start : start + 6] for start in range(0, len(numbers), 6)]
    return tuple(
        Box((row[0], row[1], row[2]), (row[3], row[4], row[5])) for row in rows if any(number != 0.0 for number in row)
    )


def keep_out(position: np.ndarray, target: np.ndarray, boxes: tuple[Box, ...]) -> tuple[np.ndarray, Box | None]:
    """The target (3,) m moved so that the way from `position` enters no box, and the first box that was in the way."""
    hit: Box | None = None
    pending = [box for box in boxes if box.depth(position) <= 0.0]
    entered = True
    while pending and entered:
        entered = False
        for box in pending:
            entry = box.entry(position, target)
            if entry is not None:
                axis, face = entry
                target = target.copy()
                target[axis] = face
                hit = hit or box
                entered = True
                pending.remove(box)
                break
    # Depth along a straight way is concave: where it does not grow at the start, it never does.
    start = position + START * (target - position)
    for box in boxes:
        depth = box.depth(position)
        if depth > 0.0 and box.depth(start) > depth:
            return position.copy(), hit or box
    return target, hit
