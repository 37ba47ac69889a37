"""Demonstrations on disk: LIBERO's own HDF5 layout, with this project's labels in a group beside `data`.

    data/            attrs: env_args, problem_info (JSON with language_instruction), num_demos, total
      demo_i/        attrs: num_samples, problem_info of this demonstration
        actions (T, 7) in [-1, 1], gripper -1 open .. +1 close; rewards, dones (T,)
        obs/agentview_rgb, eye_in_hand_rgb (T, H, W, 3) uint8, bottom-up as LIBERO stores them
        obs/ee_pos (T, 3), ee_ori (T, 3) axis-angle, ee_states (T, 6), gripper_states (T, 2) finger positions, m
    labels/demo_i/   attrs: objects, success, on_policy, seed, split, task
        expert_actions (T, 7), directions (T, n), offsets (T, n, 3), grasped (T, n); of recordings also
        leads (T, 7) as published, m, rad and opening, and stamps (T,) ns

Poses are of the tool in the arm's base frame. Several instructions may share a file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

from inspire_policy.rotations import quaternion_from_rotvec, rotvec_from_quaternion
from inspire_training.data.trajectory import Trajectory

FINGER_TRAVEL = 0.04  # m, of one Panda finger
ROOM = 1_000_000  # bytes kept free beside what a trajectory takes: attributes, indices, the end of the file


class TrajectoryWriter:
    """Writes trajectories one by one; the file appears under its name only when `close` (or `with`) ends without an
    error.
    """

    def __init__(self, path: Path | str, *, env_name: str = "tabletop", control_rate_hz: float = 20.0) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self.path.with_name(f"{self.path.name}.partial.{os.getpid()}")
        self._file = h5py.File(self._partial, "w")
        self._data, self._labels = self._file.create_group("data"), self._file.create_group("labels")
        self._data.attrs["env_args"] = json.dumps(
            {"env_name": env_name, "type": 1, "env_kwargs": {"control_freq": control_rate_hz}}
        )
        self._count = self._total = 0

    def __enter__(self) -> TrajectoryWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _check_room(self, t: Trajectory, further: Mapping[str, np.ndarray]) -> None:
        """The HDF5 library ends the process when the disk is full under it, so it is never let near one."""
        arrays = [*(getattr(t, field.name) for field in dataclasses.fields(t)), *further.values()]
        needed = ROOM + sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
        probe = self._partial.with_name(self._partial.name + ".room")
        try:
            with open(probe, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, needed)
        except OSError as error:
            raise OSError(
                f"demonstrations: expected room for {needed / 1e6:.0f} MB beside {self.path}, found none "
                f"({error.strerror}); free some and run the same command again"
            ) from error
        finally:
            probe.unlink(missing_ok=True)

    def discard(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError, RuntimeError):
            self._file.close()
        self._partial.unlink(missing_ok=True)

    def add(self, t: Trajectory, further: Mapping[str, np.ndarray] | None = None) -> None:
        """Append one trajectory, and further arrays beside its labels that nobody has to read.

        Raises OSError, before anything is written of it, when the disk has no room for it.
        """
        self._check_room(t, further or {})
        name = f"demo_{self._count}"
        info = json.dumps({"language_instruction": t.instruction})
        demo = self._data.create_group(name)
        demo.attrs["num_samples"] = len(t)
        demo.attrs["problem_info"] = info
        rotations = np.stack([rotvec_from_quaternion(q) for q in t.quaternions])
        done = np.zeros(len(t), dtype=np.uint8)
        done[-1] = t.success
        demo["actions"], demo["rewards"], demo["dones"] = t.executed_actions.astype(np.float64), done, done
        obs = demo.create_group("obs")
        for key, images in (("agentview_rgb", t.images_agentview), ("eye_in_hand_rgb", t.images_wrist)):
            obs.create_dataset(key, data=images[:, ::-1], compression="lzf", chunks=(1, *images.shape[1:]))
        obs["ee_pos"], obs["ee_ori"] = t.positions.astype(np.float64), rotations
        obs["ee_states"] = np.concatenate([t.positions, rotations], axis=1)
        obs["gripper_states"] = np.stack([t.openings, -t.openings], axis=1).astype(np.float64) * FINGER_TRAVEL
        label = self._labels.create_group(name)
        label.attrs.update(
            objects=list(t.objects), success=t.success, on_policy=t.on_policy, seed=t.seed, split=t.split, task=t.task
        )
        for key in ("expert_actions", "directions", "offsets", "grasped"):
            label[key] = getattr(t, key)
        for key, values in (further or {}).items():
            label[key] = values
        self._count += 1
        self._total += len(t)
        self._data.attrs.update(num_demos=self._count, total=self._total, problem_info=info)
        self._file.flush()

    def close(self) -> None:
        """Finish the file. Raises OSError, with nothing left behind, when the disk is full."""
        try:
            self._file.close()
            os.replace(self._partial, self.path)
        except (OSError, RuntimeError) as error:
            self.discard()
            raise OSError(f"demonstrations: expected room for {self.path}, found: {error}") from error


def write_trajectories(path: Path | str, trajectories: Iterable[Trajectory]) -> int:
    """Write a file of trajectories and return how many there were."""
    count = 0
    with TrajectoryWriter(path) as writer:
        for trajectory in trajectories:
            writer.add(trajectory)
            count += 1
    return count


def demonstration_files(paths: Iterable[Path | str]) -> list[Path]:
    """Files as given; of a folder every *.hdf5 in it, sorted. Raises FileNotFoundError."""
    files: list[Path] = []
    for path in map(Path, paths):
        parts = sorted(path.glob("*.hdf5")) if path.is_dir() else [path]
        if not parts or not parts[0].is_file():
            raise FileNotFoundError(
                f"demonstrations: expected a file or a folder of *.hdf5 at {path}, found none; run `inspire "
                f"demos --out {path}`"
            )
        files.extend(parts)
    return files


def read_expert_actions(path: Path | str) -> Iterator[np.ndarray]:
    """The expert's actions (T, 7) of every trajectory of a file, without its images."""
    with h5py.File(path, "r") as file:
        for index in range(len(file["labels"])):
            yield file[f"labels/demo_{index}/expert_actions"][:]


def read_trajectories(path: Path | str) -> Iterator[Trajectory]:
    """The trajectories of a file in order. Raises ValueError on a file that holds no labels."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"demonstrations: expected an HDF5 file at {path}, found {error}; run `inspire demos` again"
        ) from error
    with file:
        if "data" not in file or "labels" not in file:
            raise ValueError(
                f"demonstrations: expected the groups data and labels in {path}, found {sorted(file)}; label them first"
            )
        for index in range(len(file["data"])):
            demo, label = file[f"data/demo_{index}"], file[f"labels/demo_{index}"]
            obs, attributes = demo["obs"], label.attrs
            yield Trajectory(
                instruction=json.loads(demo.attrs["problem_info"])["language_instruction"],
                objects=tuple(str(name) for name in attributes["objects"]),
                images_agentview=obs["agentview_rgb"][:][:, ::-1],
                images_wrist=obs["eye_in_hand_rgb"][:][:, ::-1],
                positions=obs["ee_pos"][:],
                quaternions=np.stack([quaternion_from_rotvec(r) for r in obs["ee_ori"][:]]),
                openings=obs["gripper_states"][:, 0] / FINGER_TRAVEL,
                executed_actions=demo["actions"][:],
                expert_actions=label["expert_actions"][:],
                directions=label["directions"][:],
                offsets=label["offsets"][:],
                grasped=label["grasped"][:],
                success=bool(attributes["success"]),
                seed=int(attributes["seed"]),
                split=str(attributes["split"]),
                task=str(attributes["task"]),
                on_policy=bool(attributes["on_policy"]),
            )
