"""`inspire grounding-data`: shards of grounding records from a world, by the workers of `inspire_training.collect`."""

from __future__ import annotations

from functools import partial

from inspire_sim.expert import Expert
from inspire_training.collect import Shard, collect_shards, world_and_split
from inspire_training.grounding.episodes import record_episode
from inspire_training.grounding.settings import GroundingDataSettings
from inspire_training.grounding.store import write_frames

EVALUATION_SEEDS = 1_000_000


def grounding_data(settings: GroundingDataSettings) -> None:
    """Record what is missing of `out`/part-*.hdf5."""
    collect_shards(settings, partial(record_shard, settings), first=EVALUATION_SEEDS if settings.held_out else 0)


def record_shard(settings: GroundingDataSettings, shard: Shard) -> tuple[int, int]:
    """Write one shard; how many of its episodes have a last frame that the expert finished, and how many frames."""
    world, split = world_and_split(settings)
    expert = Expert(world.contract)
    frames, finished = [], 0
    for seed in shard.seeds:
        episode = record_episode(
            world, expert, seed=seed, task=shard.task, split=split, every=settings.every, wander=settings.wander,
            max_steps=settings.glance,
        )  # fmt: skip
        frames += episode
        finished += world.success()
    write_frames(shard.path, frames)
    return finished, len(frames)
