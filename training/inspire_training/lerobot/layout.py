"""The layout of LeRobotDataset v3, as documented: many episodes in one file, found by their frames.

meta/info.json      codebase_version, fps, features, path templates, totals
meta/stats.json     per feature min, max, mean, std, count
meta/tasks.parquet  a row per instruction, indexed by it: task_index
meta/episodes/chunk-000/file-000.parquet   a row per episode: tasks, length, dataset_from_index, ..., where its data
                    and videos are (data/chunk_index, videos/<key>/from_timestamp, ...)
data/chunk-000/file-000.parquet            a row per frame
videos/<key>/chunk-000/file-000.mp4
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
FILES_IN_A_CHUNK = 1000
DATA_MEGABYTES, VIDEO_MEGABYTES = 100, 200  # of a file, at most
INDEX_FEATURES: Mapping[str, Any] = {
    "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    "frame_index": {"dtype": "int64", "shape": [1], "names": None},
    "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    "index": {"dtype": "int64", "shape": [1], "names": None},
    "task_index": {"dtype": "int64", "shape": [1], "names": None},
}
AGENTVIEW, WRIST = "observation.images.agentview", "observation.images.wrist"
STATE, ACTION = "observation.state", "action"
STATE_NAMES = ["x", "y", "z", "axis_angle_x", "axis_angle_y", "axis_angle_z", "finger_left", "finger_right"]
ACTION_NAMES = ["x", "y", "z", "axis_angle_x", "axis_angle_y", "axis_angle_z", "gripper"]
# Labels, for as many objects as any instruction of the dataset names; NO_OBJECT where one names fewer.
DIRECTIONS, OFFSETS, GRASPED, EXPERT = "label.directions", "label.offsets", "label.grasped", "label.expert_action"
NO_OBJECT = -128
FACTS = "label.episode"  # column of meta/episodes: JSON of what belongs to a whole episode


class LeRobotError(ValueError):
    """A dataset is not what was expected; the message says what was found and how to mend it."""


def read_info(root: Path) -> dict[str, Any]:
    """meta/info.json. Raises FileNotFoundError, LeRobotError."""
    path = root / INFO
    if not path.is_file():
        raise FileNotFoundError(f"dataset: expected {INFO} in {root}, found none; give a dataset's root folder")
    try:
        info = json.loads(path.read_text())
    except ValueError as error:
        raise LeRobotError(f"{path}: expected JSON, found {error}; download the dataset again") from error
    version = str(info.get("codebase_version"))
    if not version.startswith("v3."):
        raise LeRobotError(
            f"{path}: expected codebase_version {VERSION}, found {version}; convert it with "
            "`python -m lerobot.datasets.v30.convert_dataset_v21_to_v30` first"
        )
    return dict(info)


def place(number: int) -> dict[str, int]:
    """Chunk and file of the number-th file."""
    return {"chunk_index": number // FILES_IN_A_CHUNK, "file_index": number % FILES_IN_A_CHUNK}
