"""Whether arm and scene agree with the answers: words against what is measured. Pure: who feeds it owns the clock.

An answer names the largest component of the way to an object, so a right one lies within acos(1/sqrt 3), 55 degrees, of
the measured way: `geometry_cosine` of 0.577 or more, whatever the policy does. The motion need not go that way: a
policy goes above an object before it goes down to it, and another answer of the same instruction may be the one that is
acted on. So only going away is a disagreement, and only of the first object that is not grasped. Of an object that is
said to be grasped nothing is known from the motion; measured, it must be at the tool. Unmeasured, a grasp that is said
and taken back again and again is one that never was: letting go takes one back, a second try another.

A disagreement alone means little, since an answer is a quarter of a second old when it is compared. What counts is
evidence: seconds of disagreement less seconds of agreement, never below zero. Defaults were chosen on 30 simulated
episodes (docs/agreement.md).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from inspire_policy.directions import GRASPED_AXIS
from inspire_policy.question_modes import NO_AXIS

KEPT = 10.0  # s of poses and positions
LONGEST = 1.0  # s that one answer may count for: after a pause nothing is known of the time between


class State(Enum):
    """Numbered as in the message Agreement."""

    AGREES = 0
    UNKNOWN = 1
    DISAGREES = 2
    PERSISTENT = 3


@dataclass(frozen=True)
class Answer:
    """One direction answer: object as named, word, signed axis (+-1 x, +-2 y, +-3 z of the frame; 0 grasped)."""

    object: str
    word: str
    axis: int


@dataclass(frozen=True, kw_only=True)
class AgreementSettings:
    """What counts as disagreement, and for how long.

    Attributes:
        window: s after the observation over which the motion is measured.
        least_motion: m within the window below which the arm does not move.
        motion_threshold: the motion disagrees where its cosine is below.
        least_distance: m to the object below which its direction says nothing.
        geometry_threshold: the scene disagrees where its cosine is below; a right answer has 0.577 or more.
        grasp_reach: m from the tool within which the origin of a grasped object is measured.
        position_age: s that a measured position of an object may lie from the observation.
        persistence: s of evidence from which on a disagreement is persistent.
        taken_back: how often "grasped" may be taken back of one object before that is a persistent disagreement.
    """

    window: float = 0.4
    least_motion: float = 0.01
    motion_threshold: float = 0.0
    least_distance: float = 0.03
    geometry_threshold: float = 0.4
    grasp_reach: float = 0.12
    position_age: float = 0.2
    persistence: float = 1.0
    taken_back: int = 2

    def __post_init__(self) -> None:
        for name in ("window", "least_motion", "least_distance", "grasp_reach", "position_age", "persistence"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"agreement: expected {name} > 0, found {getattr(self, name)}")
        if self.taken_back < 0:
            raise ValueError(f"agreement: expected taken_back >= 0, found {self.taken_back}")
        for name in ("motion_threshold", "geometry_threshold"):
            if not -1 <= getattr(self, name) <= 1:
                raise ValueError(f"agreement: expected {name} within -1 .. 1, found {getattr(self, name)}")


@dataclass(frozen=True)
class Verdict:
    """One answer compared. Cosines -1 .. 1, NaN where there is nothing to compare with. evidence: s, of the object.
    taken_back: how often "grasped" was taken back of it.
    """

    stamp: int
    answer: Answer
    motion_cosine: float
    geometry_cosine: float
    state: State
    evidence: float
    taken_back: int = 0


class _Track:
    """Positions by stamp, the newest KEPT seconds."""

    def __init__(self) -> None:
        self._stamps: deque[int] = deque()
        self._places: deque[np.ndarray] = deque()

    def put(self, stamp: int, place: np.ndarray) -> None:
        if self._stamps and stamp <= self._stamps[-1]:
            return
        self._stamps.append(stamp)
        self._places.append(np.asarray(place, dtype=float))
        while stamp - self._stamps[0] > KEPT * 1e9:
            self._stamps.popleft()
            self._places.popleft()

    @property
    def newest(self) -> int | None:
        return self._stamps[-1] if self._stamps else None

    def at(self, stamp: int, tolerance: float) -> np.ndarray | None:
        """The position nearest to a stamp, within `tolerance` s."""
        if not self._stamps:
            return None
        index = bisect_left(self._stamps, stamp)
        near = [i for i in (index - 1, index) if 0 <= i < len(self._stamps)]
        best = min(near, key=lambda i: abs(self._stamps[i] - stamp))
        return self._places[best] if abs(self._stamps[best] - stamp) <= tolerance * 1e9 else None


class AgreementMonitor:
    """Compares answers with poses and, where they are measured, objects' positions, all in the frame of the answers.

    `warned` is whether a persistent disagreement was found since the last `forget`.
    """

    def __init__(self, settings: AgreementSettings | None = None) -> None:
        self._settings = settings or AgreementSettings()
        self.forget()

    def forget(self) -> None:
        """Another instruction: nothing of before counts."""
        self.warned = False
        self._tool = _Track()
        self._objects: dict[str, _Track] = {}
        self._waiting: deque[tuple[int, tuple[Answer, ...]]] = deque()
        self._evidence: dict[str, float] = {}
        self._grasped: set[str] = set()
        self._taken_back: Counter[str] = Counter()
        self._compared: int | None = None

    def put_object(self, stamp: int, name: str, position: np.ndarray) -> None:
        """A measured position (3,), m."""
        if np.isfinite(position).all():
            self._objects.setdefault(name, _Track()).put(stamp, position)

    def put_answers(self, stamp: int, answers: Sequence[Answer]) -> None:
        """The answers to the observation of a stamp (ns); compared once the arm has been seen moving after it."""
        if not self._waiting or stamp > self._waiting[-1][0]:
            self._waiting.append((stamp, tuple(answers)))

    def put_pose(self, stamp: int, position: np.ndarray) -> list[Verdict]:
        """A measured position (3,) m of the tool; returns the answers that can be compared now."""
        if self._tool.newest is not None and stamp < self._tool.newest - 1_000_000_000:
            self.forget()  # time ran back: another episode
        if np.isfinite(position).all():
            self._tool.put(stamp, position)
        found: list[Verdict] = []
        newest = self._tool.newest
        while self._waiting and newest is not None and newest >= self._waiting[0][0] + self._settings.window * 1e9:
            found += self._compare(*self._waiting.popleft())
        return found

    def _compare(self, stamp: int, answers: tuple[Answer, ...]) -> list[Verdict]:
        settings = self._settings
        seconds = 0.0 if self._compared is None else min((stamp - self._compared) * 1e-9, LONGEST)
        self._compared = stamp
        acted = next((answer.object for answer in answers if answer.axis != GRASPED_AXIS), None)
        tolerance = settings.window / 2
        before = self._tool.at(stamp, tolerance)
        after = self._tool.at(stamp + round(settings.window * 1e9), tolerance)
        verdicts = []
        for answer in answers:
            motion = geometry = math.nan
            away = False
            if answer.object == acted and before is not None and after is not None:
                motion = cosine(answer.axis, after - before, settings.least_motion)
            track = self._objects.get(answer.object)
            place = None if track is None else track.at(stamp, settings.position_age)
            if place is not None and before is not None:
                geometry = cosine(answer.axis, place - before, settings.least_distance)
                away = answer.axis == GRASPED_AXIS and math.dist(place, before) > settings.grasp_reach
            state = State.DISAGREES if away else _state(motion, geometry, settings)
            evidence = self._weigh(answer.object, state, seconds)
            taken_back = self._take_back(answer)
            lasting = state is State.DISAGREES and evidence >= settings.persistence
            if lasting or taken_back > settings.taken_back:
                state = State.PERSISTENT
                self.warned = True
            verdicts.append(Verdict(stamp, answer, motion, geometry, state, evidence, taken_back))
        return verdicts

    def _take_back(self, answer: Answer) -> int:
        """How often "grasped" was taken back of the answer's object, with this answer."""
        if answer.axis == GRASPED_AXIS:
            self._grasped.add(answer.object)
        elif answer.object in self._grasped:
            self._grasped.remove(answer.object)
            self._taken_back[answer.object] += 1
        return self._taken_back[answer.object]

    def _weigh(self, name: str, state: State, seconds: float) -> float:
        change = {State.DISAGREES: seconds, State.AGREES: -seconds}.get(state, 0.0)
        self._evidence[name] = max(0.0, self._evidence.get(name, 0.0) + change)
        return self._evidence[name]


def cosine(axis: int, way: np.ndarray, least: float) -> float:
    """Of a signed axis and a way (3,) m; NaN for grasped, for no axis and where the way is shorter than `least`."""
    length = float(np.linalg.norm(way))
    if axis in (GRASPED_AXIS, NO_AXIS) or length < least:
        return math.nan
    return math.copysign(1.0, axis) * float(way[abs(axis) - 1]) / length


def _state(motion: float, geometry: float, settings: AgreementSettings) -> State:
    """NaN compares as false: what is not known does not disagree."""
    if motion < settings.motion_threshold or geometry < settings.geometry_threshold:
        return State.DISAGREES
    return State.UNKNOWN if math.isnan(motion) and math.isnan(geometry) else State.AGREES
