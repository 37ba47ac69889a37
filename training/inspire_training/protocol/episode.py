"""One episode in this process: the same world, the same commander and the arm's own arithmetic, without messages.

In lockstep the ROS graph computes nothing else, so that the same seed has the same outcome by either route.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inspire_arm.adapters.impedance_pose import ImpedancePose
from inspire_arm.envelope import SIM, limit
from inspire_arm.motion import Pose, Twist
from inspire_policy.action import ActionContract, Lead
from inspire_policy.engines.protocol import EngineError
from inspire_policy.scoring import Scoring, TrueAnswer
from inspire_sim.direction_tally import DirectionTally
from inspire_sim.results import REFUSED, EpisodeResult, EpisodeSpec, Holding
from inspire_sim.simulation import Simulation, Target
from inspire_sim.worlds.base import Observation, Truth, World
from inspire_training.protocol.commanders import Commander


@dataclass(frozen=True)
class Moment:
    """What is shown of a running episode: cameras, newest answers, object -> what is right, step."""

    views: Mapping[str, np.ndarray]
    instruction: str
    answers: tuple[Any, ...]
    truth: Mapping[str, TrueAnswer]
    step: int


class Arm:
    """The gate's arithmetic for the simulated arm: limits, then measured (+) lead; what is clamped is counted."""

    def __init__(self, contract: ActionContract) -> None:
        self._contract = contract
        self._adapter = ImpedancePose(SIM, contract)
        self._twist = Twist.zero()
        self.clamped: Counter[str] = Counter()

    def target(self, lead: Lead, seen: Observation, stamp: int) -> Target:
        """The commanded pose and opening of a lead from the pose at `stamp` ns."""
        measured = Pose(stamp, self._contract.frame, seen.tool_position, seen.tool_quaternion)
        limited = limit(
            lead,
            position=measured.position,
            previous=self._twist,
            elapsed=self._contract.period,
            envelope=SIM,
            contract=self._contract,
        )
        target = self._adapter.target(limited, measured, self._contract.period)
        self._twist = limited.twist
        self.clamped.update(name for name, _ in (*limited.clamps, *target.clamps))
        return Target(target.position, target.quaternion, limited.lead.opening)


def run_episode(
    world: World,
    commander: Commander,
    spec: EpisodeSpec,
    *,
    watch: Callable[[Moment], None] | None = None,
    max_steps: int | None = None,
) -> EpisodeResult:
    """Run one episode to its end.

    Args:
        watch: shown every observation; renders, which changes nothing but the time.
        max_steps: ends an episode that is still running, as a failure "cut"; for tests.
    """
    simulation = Simulation(world)
    episode = simulation.reset(spec.seed, task=spec.task, split=spec.split, instruction=spec.instruction)
    book = _Book(commander.scoring)
    arm = Arm(world.contract)
    begin, period = time.monotonic(), round(world.contract.period * 1e9)
    stamp = period  # zero means no time in ROS
    answers: tuple[Any, ...] = ()
    failure = reason = ""
    looks = bool(commander.cameras) or watch is not None
    try:
        commander.begin(simulation.instruction, simulation.objects)
    except ValueError as error:
        failure, reason = REFUSED, str(error)
    while not (failure or simulation.over):
        seen, truth = simulation.observation(images=looks), simulation.truth()
        book.see(stamp, truth, simulation.objects)
        try:
            decided = commander.act(stamp, seen, truth)
        except (ValueError, EngineError) as error:
            failure, reason = "commander_error", str(error)
            break
        if decided.answers is not None:
            answers = decided.answers
            keys = {a.object: (a.word, commander.scoring.key(a.word, int(a.axis))) for a in answers}
            book.tally.add_answers(stamp, keys)
        if watch is not None:
            true = book.right_answers(truth, simulation.objects)
            watch(Moment(seen.images, simulation.instruction, answers, true, simulation.step))
        simulation.start()
        simulation.advance(arm.target(decided.lead, seen, stamp))
        stamp += period
        if max_steps is not None and simulation.step >= max_steps and not simulation.over:
            failure, reason = "cut", f"expected success within {max_steps} steps, found none"
    if not failure:
        book.see(stamp, simulation.truth(), simulation.objects)
        reason = simulation.reason
        failure = reason.replace(":", " ").split()[0] if reason else ""
    latencies = sorted(commander.latencies) or [0.0]
    return EpisodeResult(
        seed=spec.seed, split=spec.split, task=episode.task, instruction=simulation.instruction,
        objects=simulation.objects, success=not failure, failure=failure, reason=reason, steps=simulation.step,
        max_steps=episode.max_steps, wall_s=round(time.monotonic() - begin, 3), stage=book.holding.stage(not failure),
        compared=book.tally.compared, right=book.tally.right, ties=book.tally.ties,
        directions=book.tally.directions, confusions=dict(book.tally.confusions), answers=book.tally.answers,
        clamps=sum(arm.clamped.values()), stops=dict(arm.clamped), latency_p50=_quantile(latencies, 0.5),
        latency_p95=_quantile(latencies, 0.95), target_start=book.places.get("target"),
        destination_start=book.places.get("destination"), wrong_object=book.holding.wrong_object,
    )  # fmt: skip


class _Book:
    """What is counted along an episode, as the episode driver of the graph counts it."""

    def __init__(self, scoring: Scoring) -> None:
        self.tally = DirectionTally()
        self._scoring = scoring
        self.places: dict[str, tuple[float, float]] = {}
        self.holding = Holding()
        self._begun = False

    def see(self, stamp: int, truth: Truth, named: Sequence[str]) -> None:
        for item in truth.objects:
            if not self._begun:
                place = (round(float(item.position[0]), 4), round(float(item.position[1]), 4))
                self.places.setdefault(item.role, place)
            self.holding.see(item.name, item.role, item.grasped)
        self._begun = True
        self.tally.add_truth(stamp, self.right_answers(truth, named))

    def right_answers(self, truth: Truth, named: Sequence[str]) -> dict[str, TrueAnswer]:
        """By object, of those that are named."""
        return {
            item.name: self._scoring.truth(item.position - truth.tool_position, item.grasped)
            for item in truth.objects
            if item.name in named
        }


def _quantile(ordered: Sequence[float], share: float) -> float:
    return float(ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))])
