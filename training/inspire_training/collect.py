"""Collecting episodes in parallel: each worker owns a world and writes whole shards; a cut costs a shard at most.

A shard is complete or absent; running the same command again records only what is missing. Seeds below 500,000 are for
training.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from inspire_policy.action import osc_from_lead
from inspire_sim.expert import Expert
from inspire_sim.worlds.base import Observation, Truth, World
from inspire_sim.worlds.registry import make_world
from inspire_training.data.hdf5 import TrajectoryWriter
from inspire_training.disturbance import Disturbance, Wander
from inspire_training.rollout import Actor, record

SHARD = 20  # episodes
TRAINING_SEEDS = 500_000
DAGGER_STEPS = 150  # a policy that hovers forever teaches nothing more
EXPERT_SHARE = 0.2  # of DAgger's decisions are the expert's, so that an episode gets past where the policy is stuck
MakeActor = Callable[[World, int], Actor]


def demos(
    out: Path, episodes: int, seed: int, workers: int, glance: int = 0, world: str = "tabletop", task: str = ""
) -> None:
    """Record demonstrations of the expert, disturbed on the way, into `out`/part-*.hdf5; see `DemosSettings.glance`."""
    _collect(out, episodes, seed, workers, partial(_record_demos, world, task, glance))


def dagger(
    out: Path, checkpoint: Path, episodes: int, seed: int, workers: int, world: str = "tabletop", task: str = ""
) -> None:
    """Record episodes that a policy drives and the expert labels (DAgger, arXiv 1011.0686), into `out`/part-*.hdf5."""
    _collect(out, episodes, seed, workers, partial(_record_dagger, world, task, checkpoint))


def _collect(
    out: Path, episodes: int, seed: int, workers: int, job: Callable[[tuple[Path, range]], tuple[int, int]]
) -> None:
    if seed + episodes > TRAINING_SEEDS:
        raise ValueError(
            f"seeds: expected training seeds below {TRAINING_SEEDS}, found up to {seed + episodes}; "
            "choose a smaller seed"
        )
    out.mkdir(parents=True, exist_ok=True)
    shards = [
        (out / f"part-{first:06d}.hdf5", range(first, min(first + SHARD, seed + episodes)))
        for first in range(seed, seed + episodes, SHARD)
    ]
    missing = [shard for shard in shards if not shard[0].exists()]
    print(f"{out}: {len(shards)} shards of {SHARD} episodes, {len(missing)} to record", flush=True)
    started, done = time.monotonic(), 0
    context = multiprocessing.get_context("spawn")
    if not missing:
        return
    with context.Pool(min(workers, len(missing))) as pool:
        for successes, frames in pool.imap_unordered(job, missing):
            done += 1
            left = (time.monotonic() - started) / done * (len(missing) - done)
            counts = f"{successes} successes, {frames} frames, {left / 60:.1f} min left"
            print(f"shard {done}/{len(missing)}: {counts}", flush=True)


def _record_demos(world_name: str, task: str, glance: int, shard: tuple[Path, range]) -> tuple[int, int]:
    def make(world: World, seed: int) -> Actor:
        rng = np.random.default_rng([seed, 7])
        disturbance = Disturbance(rng)
        wander = Wander(rng, longest=glance // 2)
        return lambda observation, truth, label: wander.apply(disturbance.apply(label))

    return _record_shard(world_name, task, shard, make, max_steps=glance or None, on_policy=True)


def _record_dagger(world_name: str, task: str, checkpoint: Path, shard: tuple[Path, range]) -> tuple[int, int]:
    from inspire_training.policy_torch import load_policy

    policy = load_policy(checkpoint)

    def make(world: World, seed: int) -> Actor:
        rng = np.random.default_rng([seed, 11])
        queue: list[np.ndarray | None] = []  # None: the expert's turn

        def act(observation: Observation, truth: Truth, label: np.ndarray) -> np.ndarray:
            if not queue:
                if rng.random() < EXPERT_SHARE:
                    queue.extend([None] * policy.horizon)
                else:
                    tick = policy.tick(
                        observation.images,
                        observation.tool_position,
                        observation.tool_quaternion,
                        observation.gripper_opening,
                        world.episode.instruction,
                        world.episode.objects,
                    )
                    queue.extend(osc_from_lead(lead, world.contract) for lead in tick.leads[: policy.horizon])
            action = queue.pop(0)
            return label if action is None else action

        return act

    return _record_shard(world_name, task, shard, make, max_steps=DAGGER_STEPS, on_policy=True)


_worlds: dict[str, World] = {}  # one per worker process: making one takes seconds


def _record_shard(
    world_name: str,
    task: str,
    shard: tuple[Path, range],
    make_actor: MakeActor,
    *,
    max_steps: int | None,
    on_policy: bool,
) -> tuple[int, int]:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if world_name not in _worlds:
        _worlds[world_name] = make_world(world_name)
    world = _worlds[world_name]
    expert = Expert(world.contract)
    path, seeds = shard
    successes = frames = 0
    with TrajectoryWriter(path) as writer:
        for seed in seeds:
            trajectory = record(
                world, expert, make_actor(world, seed), seed=seed, task=task, max_steps=max_steps, on_policy=on_policy
            )
            writer.add(trajectory)
            successes += trajectory.success
            frames += len(trajectory)
    return successes, frames
