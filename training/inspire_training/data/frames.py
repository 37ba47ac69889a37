"""Model-ready frames of one file of demonstrations, built once beside it. Their images stay on the disk.

Images pass through the bundle's ImageGeometry here, so training sees exactly what the robot's runtime makes. The
chunk of a frame is what the expert would do in the states that were really visited from there on, padded by holding
still after a success; the last frames of an episode that was cut short have no such future and are left out.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.proprioception import proprioception_vector
from inspire_training.data.damage import DamagedFile
from inspire_training.data.frame_images import FrameImages
from inspire_training.data.hdf5 import read_trajectories
from inspire_training.data.trajectory import Trajectory
from inspire_training.model.presets import CameraConfig

FORMAT = 2
CHECKSUMS = "checksums.npz"
NO_OBJECT = -128  # direction of a place in the table that holds no object


@dataclass(frozen=True)
class FrameStore:
    """F frames of E trajectories; n objects at most.

    Attributes:
        images: per camera, F images uint8 (H, W, 3), read from the disk one by one. proprioception: (F, 10) float32.
        chunks: (F, chunk_length, 7).
        directions: (F, n) int8, NO_OBJECT where there is none. offsets: (F, n, 3) m. pair: (F,) index into `pairs`.
        trajectory: (F,) index of the trajectory. seeds: (E,). pairs: the distinct (instruction, objects).
        source: name of the file.
    """

    images: tuple[FrameImages, ...]
    proprioception: np.ndarray
    chunks: np.ndarray
    directions: np.ndarray
    offsets: np.ndarray
    pair: np.ndarray
    trajectory: np.ndarray
    seeds: np.ndarray
    pairs: tuple[tuple[str, tuple[str, ...]], ...]
    source: str = ""

    def __len__(self) -> int:
        return len(self.pair)


def open_frames(path: Path | str, cameras: Sequence[CameraConfig], chunk_length: int) -> FrameStore:
    """The frames of a file of demonstrations; built at the first call, when file, cameras or chunk length change, and
    where what was built is damaged.

    Raises FileNotFoundError, DamagedFile, and OSError where the disk is full.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(
            f"demonstrations: expected a file at {source}, found none; run `inspire demos --out {source}`"
        )
    stat = source.stat()
    key = {
        "format": FORMAT,
        "bytes": stat.st_size,
        "modified": stat.st_mtime_ns,
        "cameras": [_described(c) for c in cameras],
        "chunk_length": chunk_length,
    }
    folder = source.with_name(source.name + ".frames")
    store = _opened(source, folder, key, cameras)
    if store is None:
        try:
            _build(source, folder, key, cameras, chunk_length)
        except (ValueError, KeyError, RuntimeError) as error:
            raise DamagedFile(str(error)) from error
        store = _opened(source, folder, key, cameras)
    if store is None:
        raise DamagedFile(f"demonstrations: expected frames in {folder}, found them damaged as soon as they were built")
    return store


def _opened(source: Path, folder: Path, key: dict, cameras: Sequence[CameraConfig]) -> FrameStore | None:
    """What was built; None where it is not there, is of something else, or is damaged."""
    try:
        description = json.loads((folder / "meta.json").read_text())
        if description["key"] != key:
            return None
        with np.load(folder / "arrays.npz") as file:
            arrays = {name: file[name] for name in file.files}
        sums = _checksums(folder)
        images = tuple(
            FrameImages(
                folder / f"{c.name}.bin",
                (len(arrays["pair"]), c.height, c.width, 3),
                None if sums is None else sums[c.name],
            )
            for c in cameras
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    pairs = tuple((instruction, tuple(objects)) for instruction, objects in description["pairs"])
    return FrameStore(images=images, pairs=pairs, source=source.name, **arrays)


def _checksums(folder: Path) -> dict[str, np.ndarray] | None:
    """CRC-32 of every image by camera; None of frames from before there were any."""
    if not (folder / CHECKSUMS).is_file():
        return None
    with np.load(folder / CHECKSUMS) as file:
        return {name: file[name] for name in file.files}


def expert_chunks(expert_actions: np.ndarray, chunk_length: int) -> np.ndarray:
    """Chunks float32 (T, chunk_length, 7) of OSC actions (T, 7): rows as the model says them; after the end, hold
    still.
    """
    rows = expert_actions.astype(np.float32).copy()
    rows[:, :6] = rows[:, :6].clip(-1.0, 1.0)
    rows[:, 6] = ((1.0 - rows[:, 6]) / 2.0).clip(0.0, 1.0)
    hold = np.zeros((chunk_length - 1, 7), dtype=np.float32)
    hold[:, 6] = rows[-1, 6]
    padded = np.concatenate([rows, hold])
    return padded[np.arange(len(rows))[:, None] + np.arange(chunk_length)]


def _described(camera: CameraConfig) -> dict[str, Any]:
    """What decides a camera's images; frames from before there was an order of stages stay valid."""
    values = asdict(camera)
    if not camera.resize_first:
        del values["resize_first"], values["crop_filter"]
    return values


def _build(source: Path, folder: Path, key: dict, cameras: Sequence[CameraConfig], chunk_length: int) -> None:
    """Write the frames beside their place and exchange them as a whole; nothing is left of unfinished ones."""
    partial = folder.with_name(f"{folder.name}.partial.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write(source, partial, key, cameras, chunk_length)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DamagedFile(f"demonstrations: expected to read {source}, found {error}") from error
        raise OSError(
            error.errno,
            f"demonstrations: expected room for the frames of {source.name} beside it, found: {error.strerror}; free "
            "some and run the same command again",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(source: Path, partial: Path, key: dict, cameras: Sequence[CameraConfig], chunk_length: int) -> None:
    partial.mkdir(parents=True)
    sums: dict[str, list[int]] = {c.name: [] for c in cameras}
    geometries = [c.geometry for c in cameras]
    columns: dict[str, list[np.ndarray]] = {}
    seeds: list[int] = []
    pairs: dict[tuple[str, tuple[str, ...]], int] = {}
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(partial / f"{c.name}.bin", "wb")) for c in cameras]
        for number, t in enumerate(read_trajectories(source)):
            kept = _frames_with_a_future(t, chunk_length)
            seeds.append(t.seed)
            index = pairs.setdefault((t.instruction, t.objects), len(pairs))
            for file, camera, geometry in zip(files, cameras, geometries):
                images = t.images_agentview if camera.name == "agentview" else t.images_wrist
                for image in images[:kept]:
                    content = geometry.apply(image).tobytes()
                    file.write(content)
                    sums[camera.name].append(zlib.crc32(content))
            for name, values in _columns(t, chunk_length).items():
                columns.setdefault(name, []).append(values[:kept])
            columns.setdefault("pair", []).append(np.full(kept, index, dtype=np.int32))
            columns.setdefault("trajectory", []).append(np.full(kept, number, dtype=np.int32))
    if not seeds:
        raise ValueError(
            f"demonstrations: expected at least one trajectory in {source}, found none; run `inspire demos` again"
        )
    most = max(a.shape[1] for a in columns["directions"])
    columns["directions"] = [
        np.pad(a, ((0, 0), (0, most - a.shape[1])), constant_values=NO_OBJECT) for a in columns["directions"]
    ]
    columns["offsets"] = [np.pad(a, ((0, 0), (0, most - a.shape[1]), (0, 0))) for a in columns["offsets"]]
    arrays: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
    checksums: dict[str, Any] = {name: np.array(values, dtype=np.uint32) for name, values in sums.items()}
    np.savez(partial / CHECKSUMS, **checksums)
    np.savez(partial / "arrays.npz", seeds=np.array(seeds), **arrays)
    (partial / "meta.json").write_text(json.dumps({"key": key, "pairs": [[i, list(o)] for i, o in pairs]}))


def _frames_with_a_future(t: Trajectory, chunk_length: int) -> int:
    """All frames of a success, after which there is nothing to do; else only those whose chunk is known."""
    return len(t) if t.success else max(1, len(t) - chunk_length + 1)


def _columns(t: Trajectory, chunk_length: int) -> dict[str, np.ndarray]:
    felt = [proprioception_vector(p, q, float(o)) for p, q, o in zip(t.positions, t.quaternions, t.openings)]
    return {
        "proprioception": np.stack(felt),
        "chunks": expert_chunks(t.expert_actions, chunk_length),
        "directions": t.directions,
        "offsets": t.offsets,
    }
