"""Direction labels without perception, by the rule of the paper's real robot: an object is where it was grasped, in the
hand while it is held, and where it was let go afterwards; a destination is where something was let go.

A tool holds objects above their middle and lets go of them above the place where they come to rest; `Heights` says by
how much. With both at zero the labels are those of the paper; the defaults are those of this project's own worlds,
whose labels mean the middle of an object and the foot of a place, so that both can be trained on together.

Which object is which follows from the instruction: what stands behind "in", "on", "to" is a destination, behind "from"
where something came from, all else is taken in hand in the order of mention.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from inspire_policy.directions import direction_axis
from inspire_training.episodes.grasps import Grasp

REGRASP = 0.06  # m; taken up again nearer than this to where it was let go, it is the same object
_ARTICLES = frozenset(["the", "a", "an", "this", "that", "my", "your", "our", "its", "their"])
_TOWARDS = frozenset(
    ["in", "into", "on", "onto", "to", "at", "of", "over", "under", "above", "below", "inside", "near", "beside"]
    + ["behind", "between", "by", "toward", "towards"]
)
_AWAY = frozenset(["from", "off"])


class NoLabels(ValueError):
    """An episode cannot be labelled. `name` is stable and counted; the text says what was expected and found."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


class Role(Enum):
    """What an instruction wants of an object. TARGET: taken in hand; DESTINATION, SOURCE: where it goes, comes from."""

    TARGET = "target"
    DESTINATION = "destination"
    SOURCE = "source"


@dataclass(frozen=True)
class Heights:
    """What the tool's height says. grasp: m by which an object lies below the tool that holds it. release: m by which a
    place lies below the tool that lets go over it.
    """

    grasp: float = 0.05
    release: float = 0.14


@dataclass(frozen=True)
class Labels:
    """For T frames and n objects: directions (T, n) int8, offsets (T, n, 3) m, grasped (T, n) bool; see Trajectory."""

    directions: np.ndarray
    offsets: np.ndarray
    grasped: np.ndarray


def roles(instruction: str, objects: Sequence[str]) -> tuple[Role, ...]:
    """The role of each object, in the order of `objects`, by the word before it."""
    text = " ".join(re.findall(r"[^\W_]+(?:['\-_][^\W_]+)*", instruction.lower()))
    found = []
    position = 0
    for name in objects:
        match = re.compile(rf"\b{re.escape(name)}\b").search(text, position) or re.search(re.escape(name), text)
        before = text[: match.start()].split() if match else []
        position = match.end() if match else position
        while before and before[-1] in _ARTICLES:
            before.pop()
        word = before[-1] if before else ""
        found.append(Role.DESTINATION if word in _TOWARDS else Role.SOURCE if word in _AWAY else Role.TARGET)
    return tuple(found)


def label(
    instruction: str, objects: Sequence[str], grasps: Sequence[Grasp], positions: np.ndarray, heights: Heights
) -> Labels:
    """The labels of an episode.

    Args:
        instruction: what was told. objects: the n objects named in it, in order of mention.
        grasps: when something was held. positions: (T, 3) of the tool in the base frame, z up, m. heights: see there.

    Raises:
        NoLabels: no_object_named, no_grasp, grasps_do_not_match.
    """
    if not objects:
        raise NoLabels("no_object_named", f"expected an instruction that names an object, found {instruction!r}")
    if not grasps:
        raise NoLabels("no_grasp", "expected something to be held in the episode, found nothing that ever was")
    parts = roles(instruction, objects)
    targets = [i for i, role in enumerate(parts) if role is Role.TARGET]
    held = _by_object(grasps, positions, len(targets))
    if len(held) != len(targets):
        raise NoLabels(
            "grasps_do_not_match",
            f"expected {len(targets)} objects to be held ({', '.join(objects[i] for i in targets)}), found {len(held)}",
        )
    steps = len(positions)
    places = np.zeros((steps, len(objects), 3))
    grasped = np.zeros((steps, len(objects)), dtype=bool)
    for number, index in enumerate(targets):
        places[:, index], grasped[:, index] = _object(held[number], positions)
        places[:, index, 2] -= heights.grasp
    for index, role in enumerate(parts):
        if role is not Role.TARGET:
            places[:, index] = _place(role, _meant(index, parts), held, positions)
            places[:, index, 2] -= heights.release
    offsets = places - positions[:, None]
    directions = np.array(
        [[direction_axis(o, bool(g)) for o, g in zip(*frame)] for frame in zip(offsets, grasped)], dtype=np.int8
    )
    return Labels(directions, offsets, grasped)


def _by_object(grasps: Sequence[Grasp], positions: np.ndarray, targets: int) -> list[list[Grasp]]:
    """The grasps of each object: one that is taken up again where it was let go is the same one."""
    if targets == 1:
        return [list(grasps)]
    groups: list[list[Grasp]] = []
    for grasp in grasps:
        if groups:
            away = positions[grasp.start] - positions[min(groups[-1][-1].end, len(positions) - 1)]
            if float(np.linalg.norm(away)) < REGRASP:
                groups[-1].append(grasp)
                continue
        groups.append([grasp])
    return groups


def _object(grasps: Sequence[Grasp], positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where an object is in each frame, (T, 3), and whether it is held, (T,)."""
    steps = len(positions)
    places = np.empty((steps, 3))
    held = np.zeros(steps, dtype=bool)
    begin = 0
    for grasp in grasps:
        places[begin : grasp.start] = positions[grasp.start]
        places[grasp.start : grasp.end] = positions[grasp.start : grasp.end]
        held[grasp.start : grasp.end] = True
        begin = grasp.end
    places[begin:] = _release(grasps, positions)
    return places, held


def _meant(index: int, parts: Sequence[Role]) -> list[int]:
    """The numbers of the targets that a place at `index` is for: those named since the last such place, else the last
    one; "on the plate, put the milk" means the first.
    """
    targets = [i for i, role in enumerate(parts) if role is Role.TARGET]
    if not targets:
        raise NoLabels("grasps_do_not_match", "expected the instruction to name something to take, found only places")
    before = [number for number, target in enumerate(targets) if target < index]
    since = max((i for i in range(index) if parts[i] is parts[index]), default=-1)
    return [number for number in before if targets[number] > since] or before[-1:] or [0]


def _place(role: Role, meant: Sequence[int], held: Sequence[Sequence[Grasp]], positions: np.ndarray) -> np.ndarray:
    """Where a destination or a source is, (T, 3): of each object that it is meant for, one after the other."""
    places = np.empty_like(positions)
    begin = 0
    for number in meant:
        grasps = held[number]
        end = len(positions) if number == meant[-1] else grasps[-1].end
        places[begin:end] = positions[grasps[0].start] if role is Role.SOURCE else _release(grasps, positions)
        begin = end
    return places


def _release(grasps: Sequence[Grasp], positions: np.ndarray) -> np.ndarray:
    """Where the tool was, (3,), when it let go for the last time."""
    return positions[min(grasps[-1].end, len(positions) - 1)]
