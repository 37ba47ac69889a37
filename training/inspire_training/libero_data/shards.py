"""Making one shard: in a worker process or here. It is complete or absent, whatever ends the process."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from inspire_policy.directions import REP103
from inspire_sim.worlds.base import WorldError
from inspire_training.data.hdf5 import TrajectoryWriter
from inspire_training.data.trajectory import Trajectory
from inspire_training.libero_data.official import DamagedDemo, read_demo
from inspire_training.libero_data.plan import Shard, data_path, record_path, write_whole
from inspire_training.libero_data.replay import replay
from inspire_training.libero_data.settings import RegenerateSettings

KEPT, FAILED = "kept", "failed"
_worlds: dict[tuple[str, int, str], Any] = {}  # one per process: making one takes seconds


def begin_worker(parent: int) -> None:
    """End this process when its parent is gone, so that nothing writes beside the next run."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def make_shard(settings: RegenerateSettings, shard: Shard) -> dict[str, Any]:
    """Replay, label and write the demonstrations of a shard, then its record, which is returned.

    Raises OSError when the disk is full, DamagedFile when the input cannot be read any more; nothing of the shard is
    left then.
    """
    world = _world(settings, shard.suite)
    demos: dict[str, dict[str, Any]] = {}
    directions: dict[str, Counter[str]] = {}
    writer: TrajectoryWriter | None = None
    begun = time.process_time()
    try:
        for number, name in enumerate(shard.demos):
            found, replayed = _one(world, settings, shard, name, shard.first_seed + number)
            demos[name] = found
            if replayed is None:
                continue
            _count(replayed.trajectory, directions)
            writer = writer or TrajectoryWriter(data_path(settings.out, shard), env_name=shard.suite)
            writer.add(replayed.trajectory, replayed.further)
        if writer is not None:
            writer.close()
        else:
            data_path(settings.out, shard).unlink(missing_ok=True)  # of a cut between data and record
    except BaseException:
        if writer is not None:
            writer.discard()
        raise
    record = {
        "task": shard.task,
        "suite": shard.suite,
        "source": shard.path.name,
        "demos": demos,
        "directions": {name: dict(sorted(counts.items())) for name, counts in directions.items()},
    }
    write_whole(record_path(settings.out, shard), json.dumps(record, indent=1) + "\n")
    return record | {"cpu_s": time.process_time() - begun}


def _one(world: Any, settings: RegenerateSettings, shard: Shard, name: str, seed: int) -> tuple[dict[str, Any], Any]:
    """What became of a demonstration, and what is to be written of it, None for nothing."""
    try:
        replayed = replay(
            world,
            shard.task,
            read_demo(shard.path, name),
            rule=settings.labels,
            seed=seed,
            method=settings.replay,
            keep_noops=settings.keep_noops,
        )
    except DamagedDemo as error:
        return {"outcome": error.name, "reason": str(error)}, None
    except (WorldError, ValueError) as error:
        return {"outcome": "unusable", "reason": str(error)}, None
    trajectory = replayed.trajectory
    found = {"outcome": KEPT if trajectory.success else FAILED, "frames": len(trajectory), "noops": replayed.noops}
    return found, replayed if trajectory.success or settings.keep_failures else None


def _count(trajectory: Trajectory, directions: dict[str, Counter[str]]) -> None:
    """Add the answers of a trajectory, by object."""
    for column, name in enumerate(trajectory.objects):
        words = (REP103.word(int(axis)) for axis in trajectory.directions[:, column])
        directions.setdefault(name, Counter()).update(words)


def _world(settings: RegenerateSettings, suite: str) -> Any:
    from inspire_sim.worlds.libero_replay import LiberoReplayWorld

    key = suite, settings.image_size, settings.rendering
    if key not in _worlds:
        stock = settings.rendering == "stock"
        _worlds[key] = LiberoReplayWorld(suite, image_size=settings.image_size, stock_rendering=stock)
    return _worlds[key]


def remove_partial(out: Path) -> None:
    """Remove what killed processes left behind."""
    for path in [*out.glob("*.partial*"), *(out / "shards").glob("*.partial*")]:
        path.unlink(missing_ok=True)
