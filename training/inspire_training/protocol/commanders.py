"""Who acts in an episode without ROS: a bundle's policy by the runtime's own parts, or the scripted expert.

What a message would round is rounded here too: openings and the grasp's turn travel in single precision.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from inspire_policy.action import ActionContract, Lead
from inspire_policy.brain import Brain
from inspire_policy.directions import REP103
from inspire_policy.execution import ChunkExecutor
from inspire_policy.programs.base import Job
from inspire_policy.scoring import DIRECTIONS, Scoring
from inspire_sim.expert import Expert
from inspire_sim.worlds.base import Observation, Truth


@dataclass(frozen=True)
class SaidAnswer:
    """An answer as drawn in a video: object, word, signed axis, probabilities (none of the expert)."""

    object: str
    word: str
    axis: int
    probabilities: Sequence[float] = ()


@dataclass(frozen=True)
class Decided:
    """What a commander does about one observation: a lead, and the answers of this tick, None where nobody thought."""

    lead: Lead
    answers: tuple[Any, ...] | None = None


class Commander(Protocol):
    """Acts in one episode after another.

    Attributes:
        words: its answer vocabulary. scoring: what right answers are. cameras: those that it looks through.
    """

    words: tuple[str, ...]
    scoring: Scoring
    cameras: Mapping[str, Any]
    latencies: list[float]

    def begin(self, instruction: str, named: Sequence[str]) -> None:
        """An instruction, and the objects that the world says it names. Raises ValueError to refuse it."""

    def act(self, stamp: int, seen: Observation, truth: Truth) -> Decided:
        """The lead for the observation at `stamp` ns. Raises ValueError, EngineError."""


class PolicyCommander:
    """The policy of a bundle: the node's brain, chunk executor in lockstep, and drafts of answers."""

    def __init__(self, bundle: str, *, body: str, engine: str = "onnxruntime") -> None:
        self._brain = Brain.load(bundle, body=body, engine=engine)
        manifest = self._brain.bundle.manifest
        self.words = manifest.listed_answers
        self.scoring = Scoring(manifest.question_mode, manifest.words.vocabulary)
        self.cameras = manifest.cameras
        self.latencies: list[float] = []
        self._execution: ChunkExecutor
        self._told: tuple[str, tuple[str, ...]] = ("", ())
        self._draft: dict[str, str] = {}

    def begin(self, instruction: str, named: Sequence[str]) -> None:
        """See Commander; a policy finds the objects by itself."""
        self._told = self._brain.objects_of(instruction)
        self._execution = self._brain.executor(horizon=0, lockstep=True)
        self._draft, self.latencies = {}, []

    def act(self, stamp: int, seen: Observation, truth: Truth) -> Decided:
        """See Commander."""
        for name, geometry in self.cameras.items():
            height, width = seen.images[name].shape[:2]
            geometry.check_source(width, height)
        decision = self._execution.observe(stamp, seen.gripper_opening)
        if decision.ticket is None:
            assert decision.step is not None
            return Decided(_sent(decision.step.lead))
        begin = time.monotonic()
        job = Job(seen.for_policy(stamp), *self._told, draft=self._draft, number=len(self.latencies))
        tick = self._brain.program.tick(job)
        self._draft = {answer.object: answer.word for answer in tick.answers}
        step = self._execution.deliver(decision.ticket, tick.leads)
        assert step is not None
        self.latencies.append(time.monotonic() - begin)
        return Decided(_sent(step.lead), tick.answers)


class ExpertCommander:
    """The scripted expert, which tells the truth."""

    words = REP103.words
    scoring = DIRECTIONS
    cameras: Mapping[str, Any] = {}

    def __init__(self, contract: ActionContract) -> None:
        self._expert = Expert(contract)
        self._named: tuple[str, ...] = ()
        self.latencies: list[float] = []

    def begin(self, instruction: str, named: Sequence[str]) -> None:
        """See Commander."""
        self._named, self.latencies = tuple(named), []

    def act(self, stamp: int, seen: Observation, truth: Truth) -> Decided:
        """See Commander."""
        begin = time.monotonic()
        objects = tuple(replace(o, grasp_yaw=_single(o.grasp_yaw)) for o in truth.objects)
        lead = self._expert.act(replace(truth, objects=objects, gripper_opening=_single(truth.gripper_opening)))
        words = {state.name: state.direction for state in truth.objects}
        answers = tuple(SaidAnswer(name, words[name], REP103.axis_of[words[name]]) for name in self._named)
        self.latencies.append(time.monotonic() - begin)
        return Decided(_sent(lead), answers)


def _single(value: float) -> float:
    return float(np.float32(value))


def _sent(lead: Lead) -> Lead:
    return Lead(lead.translation, lead.rotation, _single(lead.opening))
