"""`inspire to-lerobot`: demonstrations as a LeRobotDataset v3, complete or not at all."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.rotations import rotvec_from_quaternion
from inspire_training.data.hdf5 import FINGER_TRAVEL, demonstration_files, read_trajectories
from inspire_training.data.trajectory import Trajectory
from inspire_training.lerobot import layout
from inspire_training.lerobot.settings import ToLeRobotSettings
from inspire_training.lerobot.statistics import Statistics
from inspire_training.lerobot.tables import DataWriter, EpisodeRow, write_episodes, write_tasks
from inspire_training.lerobot.video import VideoWriter


def to_lerobot(settings: ToLeRobotSettings) -> dict[str, Any]:
    """Write the dataset and return its info. Raises ValueError, FileNotFoundError, OSError with nothing left behind."""
    files = demonstration_files(settings.data)
    if settings.out.exists():
        raise ValueError(f"out: expected a folder that is not there yet, found {settings.out}; choose another")
    if settings.fps < 1:
        raise ValueError(f"fps: expected 1 or more, found {settings.fps}")
    most = max((len(t.objects) for t in _trajectories(files, pixels=False)), default=0)
    partial = settings.out.with_name(f".{settings.out.name}.partial.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        writer = _Writer(partial, settings, most)
        for trajectory in _trajectories(files):
            writer.add(trajectory)
        info = writer.close()
        os.replace(partial, settings.out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    print(f"{settings.out}: {info['total_episodes']} episodes, {info['total_frames']} frames, {settings.images}")
    return info


class _Writer:
    """Appends episodes; all of them have images of one size."""

    def __init__(self, root: Path, settings: ToLeRobotSettings, most: int) -> None:
        self._root, self._settings, self._most = root, settings, most
        self._features: dict[str, Any] = {}
        self._tasks: dict[str, int] = {}
        self._rows: list[EpisodeRow] = []
        self._frames = 0
        self._statistics = Statistics()
        self._data: DataWriter | None = None
        self._videos: dict[str, tuple[int, VideoWriter]] = {}  # feature -> number of the file, file

    def add(self, t: Trajectory) -> None:
        views = {layout.AGENTVIEW: t.images_agentview, layout.WRIST: t.images_wrist}
        if not self._features:
            self._features = _features(self._settings, views, self._most)
            self._data = DataWriter(self._root, self._features)
        assert self._data is not None
        for name, images in views.items():
            if list(images.shape[1:]) != self._features[name]["shape"]:
                raise ValueError(
                    f"{name}: expected images of {self._features[name]['shape']} as in the first episode, found "
                    f"{list(images.shape[1:])}; write them to another dataset"
                )
            self._statistics.add_images(name, images)
        task = self._tasks.setdefault(t.instruction, len(self._tasks))
        columns = self._columns(t, task)
        for name, values in columns.items():
            self._statistics.add(name, values.reshape(len(t), -1))
        columns = {name: values for name, values in columns.items() if name in self._features}
        png = self._settings.images == "png"
        number = self._data.add(columns, {name: _pngs(images) for name, images in views.items()} if png else {})
        videos = {} if png else {name: self._film(name, images) for name, images in views.items()}
        facts = {
            "objects": list(t.objects), "success": t.success, "seed": t.seed, "split": t.split, "task": t.task,
            "on_policy": t.on_policy,
        }  # fmt: skip
        self._rows.append(EpisodeRow(t.instruction, len(t), self._frames, number, videos, json.dumps(facts)))
        self._frames += len(t)

    def close(self) -> dict[str, Any]:
        if self._data is None:
            raise ValueError("data: expected at least one demonstration, found none")
        self._data.close()
        for _, video in self._videos.values():
            video.close()
        for name in self._videos:
            self._features[name]["info"] = self._video_info(name)
        info = {
            "codebase_version": layout.VERSION,
            "robot_type": self._settings.robot,
            "total_episodes": len(self._rows),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": layout.FILES_IN_A_CHUNK,
            "data_files_size_in_mb": layout.DATA_MEGABYTES,
            "video_files_size_in_mb": layout.VIDEO_MEGABYTES,
            "fps": self._settings.fps,
            "splits": {"train": f"0:{len(self._rows)}"},
            "data_path": layout.DATA,
            "video_path": layout.VIDEO if self._videos else None,
            "features": self._features,
        }
        write_tasks(self._root, self._tasks)
        write_episodes(self._root, self._rows)
        images = {name for name, feature in self._features.items() if feature["dtype"] in ("video", "image")}
        for path, content in ((layout.STATS, self._statistics.to_json(images)), (layout.INFO, info)):
            (self._root / path).write_text(json.dumps(content, indent=4) + "\n")
        return info

    def _columns(self, t: Trajectory, task: int) -> dict[str, np.ndarray]:
        """Every number of the frames, (T, n) or (T,)."""
        steps, frames = len(t), np.arange(len(t))
        turns = np.stack([rotvec_from_quaternion(q.astype(np.float64)) for q in t.quaternions])
        fingers = np.stack([t.openings, -t.openings], axis=1) * FINGER_TRAVEL
        rest = self._most - len(t.objects)
        return {
            layout.STATE: np.concatenate([t.positions, turns, fingers], axis=1).astype(np.float32),
            layout.ACTION: t.executed_actions.astype(np.float32),
            layout.EXPERT: t.expert_actions.astype(np.float32),
            layout.DIRECTIONS: np.pad(
                t.directions.astype(np.int64), ((0, 0), (0, rest)), constant_values=layout.NO_OBJECT
            ),
            layout.OFFSETS: np.pad(t.offsets, ((0, 0), (0, rest), (0, 0))).reshape(steps, -1),
            layout.GRASPED: np.pad(t.grasped.astype(np.int64), ((0, 0), (0, rest))),
            "timestamp": (frames / self._settings.fps).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(steps, len(self._rows)),
            "index": self._frames + frames,
            "task_index": np.full(steps, task),
        }

    def _film(self, name: str, images: np.ndarray) -> dict[str, float]:
        """Append frames to the video of a camera; says where they are."""
        number, video = self._videos.get(name, (-1, None))
        if video is None or video.path.stat().st_size > layout.VIDEO_MEGABYTES * 1e6:
            if video is not None:
                video.close()
            number += 1
            path = self._root / layout.VIDEO.format(video_key=name, **layout.place(number))
            height, width = images.shape[1:3]
            video = VideoWriter(path, self._settings.images, self._settings.fps, width, height)
            self._videos[name] = number, video
        begin = video.frames / self._settings.fps
        video.add(images)
        return {**layout.place(number), "from_timestamp": begin, "to_timestamp": video.frames / self._settings.fps}

    def _video_info(self, name: str) -> dict[str, Any]:
        height, width, _ = self._features[name]["shape"]
        return {
            "video.height": height, "video.width": width, "video.codec": self._settings.images,
            "video.pix_fmt": "yuv420p", "video.is_depth_map": False, "video.fps": self._settings.fps,
            "video.channels": 3, "has_audio": False,
        }  # fmt: skip


def _features(settings: ToLeRobotSettings, views: dict[str, np.ndarray], most: int) -> dict[str, Any]:
    kind = "image" if settings.images == "png" else "video"
    objects = [f"object_{i}" for i in range(most)]
    axes = [f"{name}_{axis}" for name in objects for axis in "xyz"]

    def numbers(dtype: str, names: Sequence[str]) -> dict[str, Any]:
        return {"dtype": dtype, "shape": [len(names)], "names": list(names)}

    return {
        **{
            name: {"dtype": kind, "shape": list(images.shape[1:]), "names": ["height", "width", "channels"]}
            for name, images in views.items()
        },
        layout.STATE: numbers("float32", layout.STATE_NAMES),
        layout.ACTION: numbers("float32", layout.ACTION_NAMES),
        layout.EXPERT: numbers("float32", layout.ACTION_NAMES),
        layout.DIRECTIONS: numbers("int64", objects),
        layout.OFFSETS: numbers("float32", axes),
        layout.GRASPED: numbers("int64", objects),
        **layout.INDEX_FEATURES,
    }


def _trajectories(files: Sequence[Path], *, pixels: bool = True) -> Iterator[Any]:
    """All trajectories, or (without pixels) only their number of objects, cheaply."""
    if pixels:
        for path in files:
            yield from read_trajectories(path)
        return
    import h5py

    for path in files:
        with h5py.File(path, "r") as file:
            for label in file.get("labels", {}).values():
                yield _Named(tuple(label.attrs["objects"]))


class _Named:
    def __init__(self, objects: tuple[str, ...]) -> None:
        self.objects = objects


def _pngs(images: np.ndarray) -> list[bytes]:
    from PIL import Image

    encoded = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, format="PNG", compress_level=1)
        encoded.append(stream.getvalue())
    return encoded
