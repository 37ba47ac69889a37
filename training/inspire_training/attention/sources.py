"""Episodes to be looked at, from grounding records, demonstrations or a recording."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py

from inspire_policy.directions import REP103
from inspire_policy.observations import PolicyObservation
from inspire_policy.recordings import PARTIAL_SUFFIX, SUFFIX
from inspire_training.attention.frames import SeenEpisode, SeenFrame, pose_of
from inspire_training.attention.regions import BY_PROJECTION, SceneBoxes, Scenes
from inspire_training.data.hdf5 import demonstration_files, read_trajectories
from inspire_training.data.trajectory import Trajectory
from inspire_training.grounding.store import GroundingStore, open_store


def seen_episodes(
    data: Path, cameras: Sequence[str], seeds: Sequence[int], count: int, *, world: str = ""
) -> list[SeenEpisode]:
    """Episodes of the given seeds, else the first `count`.

    world: of demonstrations; the one that their file names when empty.

    Raises FileNotFoundError, or ValueError for what is no data of this project, and for seeds that are not there.
    """
    scenes = Scenes()
    try:
        found: list[SeenEpisode] = []
        for episode in _episodes(data, cameras, seeds, scenes, world):
            found.append(episode)
            if len(found) == (len(seeds) or count):
                break
    finally:
        scenes.close()
    lacking = set(seeds) - {episode.seed for episode in found}
    if lacking or not found:
        raise ValueError(
            f"data: expected episodes of {data}"
            + (f" with the seeds {', '.join(map(str, sorted(lacking)))}" if lacking else "")
            + ", found none; choose other --seeds or other --data"
        )
    return found


def _episodes(
    data: Path, cameras: Sequence[str], seeds: Sequence[int], scenes: Scenes, world: str
) -> Iterator[SeenEpisode]:
    if data.name.endswith((SUFFIX, PARTIAL_SUFFIX)):
        from inspire_training.attention.recording import recorded_episode

        yield recorded_episode(data, cameras, scenes)
        return
    files = demonstration_files([data])
    if _is_grounding(files[0]):
        for file in files:
            yield from _of_store(open_store([file], cameras), seeds)
        return
    for file in files:
        of_file = world or _world(file)
        for trajectory in read_trajectories(file):
            if not seeds or trajectory.seed in seeds:
                yield _of_trajectory(trajectory, of_file, scenes)


def _is_grounding(file: Path) -> bool:
    try:
        with h5py.File(file, "r") as content:
            return "records" in content
    except OSError as error:
        raise ValueError(f"data: expected an HDF5 file at {file}, found {error}; record it again") from error


def _world(file: Path) -> str:
    with h5py.File(file, "r") as content:
        told = content["data"].attrs.get("env_args") if "data" in content else None
    try:
        return str(json.loads(told)["env_name"]) if told else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _of_store(store: GroundingStore, seeds: Sequence[int]) -> Iterator[SeenEpisode]:
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for index, record in enumerate(store.records):
        source = record.source
        if not seeds or source.get("seed") in seeds:
            groups[source.get("seed", 0), source.get("task", ""), source.get("split", "")].append(index)
    for (seed, task, split), indices in groups.items():
        first = store.records[indices[0]]
        yield SeenEpisode(
            name=" ".join(str(part) for part in (task or "episode", split, f"seed {seed}") if part),
            seed=int(seed),
            instruction=first.instruction,
            objects=tuple(name for name in (first.roles.target, first.roles.destination) if name),
            frames=tuple(_grounded_frame(store, i) for i in sorted(indices, key=lambda i: _step(store, i))),
            regions="masks of what shows",
        )


def _step(store: GroundingStore, index: int) -> int:
    return int(store.records[index].source.get("step", 0))


def _grounded_frame(store: GroundingStore, index: int) -> SeenFrame:
    record = store.records[index]
    masks = {item.name: store.mask(index, item.name) for item in record.objects if item.bbox_xyxy_px is not None}
    return SeenFrame(
        step=_step(store, index),
        observation=PolicyObservation(
            {camera: images[index] for camera, images in store.images.items()}, *pose_of(store.proprioception[index])
        ),
        masks={name: mask for name, mask in masks.items() if mask is not None and mask.any()},
        axes={name: REP103.axis_of[word] for name, word in record.direction.items() if word in REP103.axis_of},
        holding=None if record.gripper is None else record.gripper.holding,
    )


def _of_trajectory(t: Trajectory, world: str, scenes: Scenes) -> SeenEpisode:
    boxes = scenes.boxes(world, t.seed, t.task, (t.split,)) if world else "the file does not name its world"
    frames = []
    for step in range(len(t)):
        frames.append(
            SeenFrame(
                step=step,
                observation=t.observation(step),
                axes={name: int(axis) for name, axis in zip(t.objects, t.directions[step])},
                holding=bool(t.grasped[step].any()),
            )
        )
    if isinstance(boxes, SceneBoxes):
        # What an offset is measured from (a container's rim, say) stays the same, so its change is the object's way.
        ways = (t.positions[:, None] + t.offsets) - (t.positions[:1, None] + t.offsets[:1])
        for step, frame in enumerate(frames):
            moved = {n: boxes.starts[n] + way for n, way in zip(t.objects, ways[step]) if n in boxes.starts}
            frames[step] = replace(frame, masks=boxes.masks(moved, frame.observation.images["agentview"].shape[:2]))
    return SeenEpisode(
        name=f"{t.task or 'episode'} {t.split} seed {t.seed}",
        seed=t.seed,
        instruction=t.instruction,
        objects=t.objects,
        frames=tuple(frames),
        regions=BY_PROJECTION if isinstance(boxes, SceneBoxes) else boxes,
    )
