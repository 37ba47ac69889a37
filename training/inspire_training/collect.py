"""Collecting episodes in parallel: each worker owns a world and writes whole shards; a cut costs a shard at most.

A shard is complete or absent; running the same command again records only what is missing. Seeds below 500,000 are for
training.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from inspire_policy.action import osc_from_lead
from inspire_policy.programs.base import Job
from inspire_sim.expert import Expert
from inspire_sim.worlds.base import Observation, Truth, World
from inspire_sim.worlds.registry import make_world
from inspire_training.data.hdf5 import TrajectoryWriter
from inspire_training.disturbance import Disturbance, Wander
from inspire_training.rollout import Actor, record
from inspire_training.settings import CollectSettings, DaggerSettings, DemosSettings

SHARD = 20  # episodes
TRAINING_SEEDS = 500_000
DAGGER_STEPS = 150  # a policy that hovers forever teaches nothing more
EXPERT_SHARE = 0.2  # of DAgger's decisions are the expert's, so that an episode gets past where the policy is stuck
MakeActor = Callable[[World, int], Actor]


@dataclass(frozen=True)
class Shard:
    """One file of episodes, all of one task where the tasks are named."""

    path: Path
    seeds: range
    task: str


def demos(settings: DemosSettings) -> None:
    """Record demonstrations of the expert, disturbed on the way, into `out`/part-*.hdf5."""
    collect_shards(settings, partial(_record_demos, settings))


def dagger(settings: DaggerSettings) -> None:
    """Record episodes that a policy drives and the expert labels (DAgger, arXiv 1011.0686), into `out`/part-*.hdf5."""
    collect_shards(settings, partial(_record_dagger, settings))


def collect_shards(settings: CollectSettings, job: Callable[[Shard], tuple[int, int]], *, first: int = 0) -> None:
    """Have the missing shards of `settings.out` written by workers; `job` writes one and returns its counts of
    successes and frames.

    first: the seed that `settings.seed` counts from, for what is not for training.
    """
    s = settings
    end = s.seed + s.episodes
    if end > TRAINING_SEEDS:
        raise ValueError(
            f"seeds: expected training seeds below {TRAINING_SEEDS}, found up to {end}; choose a smaller seed"
        )
    s.out.mkdir(parents=True, exist_ok=True)
    tasks = s.tasks or ("",)
    shards = [
        Shard(
            s.out / f"part-{number:06d}.hdf5",
            range(first + number, first + min(number + SHARD, end)),
            tasks[i % len(tasks)],
        )
        for i, number in enumerate(range(s.seed, end, SHARD))
    ]
    missing = [shard for shard in shards if not shard.path.exists()]
    print(f"{s.out}: {len(shards)} shards of {SHARD} episodes, {len(missing)} to record", flush=True)
    started, done = time.monotonic(), 0
    context = multiprocessing.get_context("spawn")
    if not missing:
        return
    with context.Pool(min(s.workers, len(missing))) as pool:
        for successes, frames in pool.imap_unordered(job, missing):
            done += 1
            left = (time.monotonic() - started) / done * (len(missing) - done)
            counts = f"{successes} successes, {frames} frames, {left / 60:.1f} min left"
            print(f"shard {done}/{len(missing)}: {counts}", flush=True)


def _record_demos(settings: DemosSettings, shard: Shard) -> tuple[int, int]:
    def make(world: World, seed: int) -> Actor:
        rng = np.random.default_rng([seed, 7])
        disturbance = Disturbance(rng)
        wander = Wander(rng, longest=settings.wander[0] or settings.glance // 2, carrying=settings.wander[1])
        return lambda observation, truth, label: wander.apply(disturbance.apply(label), holding=_holding(truth))

    return _record_shard(settings, shard, make, max_steps=settings.glance or None)


def _record_dagger(settings: DaggerSettings, shard: Shard) -> tuple[int, int]:
    from inspire_training.policy_torch import load_policy

    policy = load_policy(settings.checkpoint)

    def make(world: World, seed: int) -> Actor:
        rng = np.random.default_rng([seed, 11])
        wander = Wander(rng, longest=settings.wander[0], carrying=settings.wander[1])
        queue: list[np.ndarray | None] = []  # None: the expert's turn
        inferences = itertools.count()

        def act(observation: Observation, truth: Truth, label: np.ndarray) -> np.ndarray:
            if not queue:
                if rng.random() < EXPERT_SHARE:
                    queue.extend([None] * policy.horizon)
                else:
                    told = world.episode.instruction, world.episode.objects
                    tick = policy.tick(Job(observation.for_policy(), *told, number=next(inferences)))
                    queue.extend(osc_from_lead(lead, world.contract) for lead in tick.leads[: policy.horizon])
            action = queue.pop(0)
            return wander.apply(label if action is None else action, holding=_holding(truth))

        return act

    return _record_shard(settings, shard, make, max_steps=DAGGER_STEPS)


def _holding(truth: Truth) -> bool:
    return any(state.grasped for state in truth.objects)


_worlds: dict[str, World] = {}  # one per worker process: making one takes seconds


def world_and_split(settings: CollectSettings) -> tuple[World, str]:
    """This worker's world and the split to record in; LIBERO's recorded initial states are for evaluation."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if settings.world not in _worlds:
        _worlds[settings.world] = make_world(settings.world)
    world = _worlds[settings.world]
    return world, settings.split or ("random" if "random" in world.splits else "train")


def _record_shard(
    settings: CollectSettings, shard: Shard, make_actor: MakeActor, *, max_steps: int | None
) -> tuple[int, int]:
    world, split = world_and_split(settings)
    expert = Expert(world.contract)
    successes = frames = 0
    with TrajectoryWriter(shard.path) as writer:
        for seed in shard.seeds:
            trajectory = record(
                world,
                expert,
                make_actor(world, seed),
                seed=seed,
                task=shard.task,
                split=split,
                max_steps=max_steps,
            )
            writer.add(trajectory)
            successes += trajectory.success
            frames += len(trajectory)
    return successes, frames
