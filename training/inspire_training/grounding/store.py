"""Grounding records on disk, in shards that are complete or absent.

images/agentview, images/wrist (F, H, W, 3) uint8, upright; proprioception (F, 10); segments (F, H, W) uint8
records (F,) JSON text, see `records.GroundingRecord.to_json`; attrs: format
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from inspire_training.grounding.episodes import GroundedFrame
from inspire_training.grounding.records import GroundingRecord

FORMAT = 1


def write_frames(path: Path, frames: Sequence[GroundedFrame]) -> None:
    """Write a shard; it appears under its name when it is whole. Raises ValueError without frames."""
    if not frames:
        raise ValueError(f"grounding records: expected at least one frame for {path.name}, found none")
    partial = path.with_name(f"{path.name}.partial.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with h5py.File(partial, "w") as file:
            file.attrs["format"] = FORMAT
            for camera in frames[0].images:
                images = np.stack([frame.images[camera] for frame in frames])
                file.create_dataset(f"images/{camera}", data=images, compression="lzf", chunks=(1, *images.shape[1:]))
            segments = np.stack([frame.segments for frame in frames])
            file.create_dataset("segments", data=segments, compression="lzf", chunks=(1, *segments.shape[1:]))
            file["proprioception"] = np.stack([frame.proprioception for frame in frames])
            file["records"] = [json.dumps(frame.record.to_json()) for frame in frames]
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class GroundingStore:
    """F records with their arrays, in memory.

    Attributes:
        images: camera -> uint8 (F, H, W, 3); a camera that a source does not have is missing. proprioception: (F, 10).
        segments: uint8 (F, H, W), 1 + index of a record's object; None where there are no masks.
    """

    records: tuple[GroundingRecord, ...]
    images: dict[str, np.ndarray]
    proprioception: np.ndarray
    segments: np.ndarray | None

    def __len__(self) -> int:
        return len(self.records)

    def mask(self, index: int, name: str) -> np.ndarray | None:
        """Visible pixels of an object, bool (H, W); None where there are no masks."""
        if self.segments is None:
            return None
        names = [item.name for item in self.records[index].objects]
        return np.asarray(self.segments[index] == names.index(name) + 1)


def grounding_files(paths: Iterable[Path | str]) -> list[Path]:
    """Shards as given; of a folder every *.hdf5 in it, sorted. Raises FileNotFoundError."""
    files: list[Path] = []
    for path in map(Path, paths):
        parts = sorted(path.glob("*.hdf5")) if path.is_dir() else [path]
        if not parts or not parts[0].is_file():
            raise FileNotFoundError(
                f"grounding records: expected a file or a folder of *.hdf5 at {path}, found none; run `inspire "
                f"grounding-data --out {path}`"
            )
        files.extend(parts)
    return files


def open_store(paths: Iterable[Path | str], cameras: Sequence[str] = ("agentview",)) -> GroundingStore:
    """The records of some shards with the images of some cameras. Raises FileNotFoundError or ValueError."""
    records: list[GroundingRecord] = []
    arrays: dict[str, list[np.ndarray]] = {}
    for path in grounding_files(paths):
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise ValueError(f"grounding records: expected an HDF5 file at {path}, found {error}") from error
        with file:
            if file.attrs.get("format") != FORMAT:
                raise ValueError(
                    f"grounding records: expected format {FORMAT} in {path}, found {file.attrs.get('format')}; run "
                    "`inspire grounding-data` again"
                )
            records.extend(GroundingRecord.from_json(json.loads(text)) for text in file["records"].asstr()[:])
            for name in ("segments", "proprioception", *(f"images/{camera}" for camera in cameras)):
                arrays.setdefault(name, []).append(file[name][:])
    whole = {name: np.concatenate(parts) for name, parts in arrays.items()}
    return GroundingStore(
        records=tuple(records),
        images={camera: whole[f"images/{camera}"] for camera in cameras},
        proprioception=whole["proprioception"],
        segments=whole["segments"],
    )
