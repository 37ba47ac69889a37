"""`inspire from-lerobot`: the episodes of a LeRobotDataset as demonstrations, with labels.

Our own datasets hold their labels. Others are labelled by the rule for recordings of a robot (`episodes.labels`): an
object is where it was grasped, in the hand while held, and where it was let go afterwards. What cannot be labelled is
left out and counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from inspire_policy.instructions import objects_named
from inspire_policy.rotations import quaternion_from_rotvec
from inspire_training.data.hdf5 import FINGER_TRAVEL, TrajectoryWriter
from inspire_training.data.trajectory import Trajectory
from inspire_training.episodes.grasps import find_grasps
from inspire_training.episodes.labels import Heights, NoLabels, label
from inspire_training.lerobot import layout
from inspire_training.lerobot.layout import LeRobotError
from inspire_training.lerobot.reading import Dataset, Episode
from inspire_training.lerobot.settings import FromLeRobotSettings

OWN = (layout.DIRECTIONS, layout.OFFSETS, layout.GRASPED, layout.EXPERT)


def from_lerobot(settings: FromLeRobotSettings) -> dict[str, Any]:
    """Write the demonstrations in whole files; returns counts. Raises LeRobotError, FileNotFoundError, OSError."""
    dataset = Dataset(settings.root)
    own = all(name in dataset.info["features"] for name in OWN)
    numbers = [settings.state, settings.action, *(OWN if own else ())]
    cameras = [settings.agentview, settings.wrist]
    dataset.check([*numbers, *cameras])
    if settings.out.is_dir() and list(settings.out.glob("*.hdf5")):
        raise ValueError(f"out: expected a folder without *.hdf5, found some in {settings.out}; choose another")
    left_out: Counter[str] = Counter()
    written = frames = shard = 0
    pending = _trajectories(dataset, settings, numbers, cameras, own, left_out)
    trajectory = next(pending, None)
    while trajectory is not None:
        with TrajectoryWriter(
            settings.out / f"episodes-{shard:03d}.hdf5", env_name="lerobot", control_rate_hz=dataset.fps
        ) as writer:
            for _ in range(settings.shard):
                if trajectory is None:
                    break
                writer.add(trajectory)
                written, frames = written + 1, frames + len(trajectory)
                trajectory = next(pending, None)
        shard += 1
    counts = {"episodes": len(dataset), "written": written, "frames": frames, "left_out": dict(left_out)}
    print(json.dumps(counts | {"out": str(settings.out)}))
    return counts


def _trajectories(
    dataset: Dataset,
    settings: FromLeRobotSettings,
    numbers: list[str],
    cameras: list[str],
    own: bool,
    left_out: Counter[str],
) -> Iterator[Trajectory]:
    for episode in dataset.episodes(numbers, cameras):
        try:
            yield _own(episode, settings) if own else _foreign(episode, settings, dataset.fps)
        except NoLabels as error:
            left_out[error.name] += 1
            print(f"left out episode {episode.index}: {error}", flush=True)


def _own(episode: Episode, settings: FromLeRobotSettings) -> Trajectory:
    facts = json.loads(episode.row[layout.FACTS])
    count, steps = len(facts["objects"]), len(episode.numbers[settings.action])
    return Trajectory(
        **_common(episode, settings),
        objects=tuple(facts["objects"]),
        executed_actions=episode.numbers[settings.action],
        expert_actions=episode.numbers[layout.EXPERT],
        directions=episode.numbers[layout.DIRECTIONS][:, :count],
        offsets=episode.numbers[layout.OFFSETS].reshape(steps, -1, 3)[:, :count],
        grasped=episode.numbers[layout.GRASPED][:, :count] != 0,
        success=facts["success"],
        seed=facts["seed"],
        split=facts["split"],
        task=facts["task"],
        on_policy=facts["on_policy"],
    )


def _foreign(episode: Episode, settings: FromLeRobotSettings, fps: float) -> Trajectory:
    common = _common(episode, settings)
    actions = np.array(episode.numbers[settings.action], dtype=np.float64)
    if actions.shape[1] != 7:
        raise LeRobotError(f"{settings.action}: expected 7 numbers, found {actions.shape[1]}; name another feature")
    if settings.gripper == "opening":
        actions[:, 6] = np.where(actions[:, 6] > 0.5, -1.0, 1.0)
    known = tuple(part.strip() for part in settings.known.split(",") if part.strip())
    objects = objects_named(episode.instruction, known)
    seconds = np.arange(len(actions)) / fps
    grasps = find_grasps((1.0 - actions[:, 6]) / 2.0, common["openings"], seconds)
    heights = Heights(settings.grasp_height, settings.release_height)
    found = label(episode.instruction, objects, grasps, common["positions"], heights)
    return Trajectory(
        **common,
        objects=objects,
        executed_actions=actions,
        expert_actions=actions,
        directions=found.directions,
        offsets=found.offsets,
        grasped=found.grasped,
        success=True,
        seed=episode.index,
        split="lerobot",
        task=episode.instruction,
    )


def _common(episode: Episode, settings: FromLeRobotSettings) -> dict[str, Any]:
    """What both kinds have: instruction, images, pose and opening."""
    state = np.asarray(episode.numbers[settings.state], dtype=np.float64)
    if state.shape[1] not in (7, 8):
        raise LeRobotError(
            f"{settings.state}: expected position (3), axis-angle (3) and one opening or two fingers, found "
            f"{state.shape[1]} numbers; name another feature"
        )
    openings = state[:, 6] if state.shape[1] == 7 else (state[:, 6] - state[:, 7]) / (2 * FINGER_TRAVEL)
    return {
        "instruction": episode.instruction,
        "images_agentview": episode.images[settings.agentview],
        "images_wrist": episode.images[settings.wrist],
        "positions": state[:, :3],
        "quaternions": np.stack([quaternion_from_rotvec(turn) for turn in state[:, 3:6]]),
        "openings": np.clip(openings, 0.0, 1.0),
    }
