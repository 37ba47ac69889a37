"""When the gripper holds something, from what it was told and what was measured; nobody has to see the object.

A grasp begins when the fingers, told to close, have moved and stand still before they meet: something is between them.
It ends when they part again, or when they meet after all: then it was dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLOSED_BELOW = 0.5  # a gripper is told to close below this opening
EMPTY = 0.03  # opening below which the fingers have met
STILL = 0.4  # 1/s, fingers slower than this stand still
MOVED = 0.05  # of the opening: fingers told to close have begun to
WAIT = 1.0  # s after which fingers that never moved hold something as wide as they are open
PARTED = 0.01  # of the opening: fingers that held have let go
RECENT = 5  # frames before the fingers are told to open, which say how wide they were


@dataclass(frozen=True)
class Grasp:
    """Something is held in the frames `start` (included) to `end` (excluded); end is the number of frames when never
    let go.
    """

    start: int
    end: int


def find_grasps(commanded: np.ndarray, measured: np.ndarray, seconds: np.ndarray) -> tuple[Grasp, ...]:
    """The grasps of an episode, in order.

    Args:
        commanded: (T,) opening that the gripper was told in each frame, 0 closed .. 1 open.
        measured: (T,) opening measured before. seconds: (T,) stamps of the frames, s, increasing.
    """
    steps = len(measured)
    grasps: list[Grasp] = []
    frame = 0
    while frame < steps:
        if commanded[frame] >= CLOSED_BELOW:
            frame += 1
            continue
        opened = np.flatnonzero(commanded[frame:] >= CLOSED_BELOW)
        until = frame + int(opened[0]) if len(opened) else steps
        start = _start(measured, seconds, frame, until)
        if start is None:
            frame = until
            continue
        end = _end(measured, start, until)
        grasps.append(Grasp(start, end))
        frame = max(end, until)
    return tuple(grasps)


def _start(measured: np.ndarray, seconds: np.ndarray, told: int, until: int) -> int | None:
    """The first frame of told..until-1 in which closing fingers are stopped by something; None when they meet."""
    for frame in range(told, until):
        if measured[frame] < EMPTY:
            return None
        if told == 0 and frame == 0:  # closed from the very beginning: held already
            return 0
        elapsed = max(seconds[frame] - seconds[frame - 1], 1e-6)
        still = abs(measured[frame] - measured[frame - 1]) / elapsed < STILL
        moved = measured[told] - measured[frame] > MOVED
        if still and (moved or seconds[frame] - seconds[told] > WAIT):
            return frame
    return None


def _end(measured: np.ndarray, start: int, until: int) -> int:
    """The first frame in which what is held from `start` on is not held any more; told to open in frame `until`."""
    met = np.flatnonzero(measured[start:until] < EMPTY)
    if len(met):
        return start + int(met[0])
    if until == len(measured):
        return until
    held = float(measured[max(start, until - RECENT) : until].max())
    parted = np.flatnonzero(measured[until:] > held + PARTED)
    return until + int(parted[0]) if len(parted) else len(measured)
