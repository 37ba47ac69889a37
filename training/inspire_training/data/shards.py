"""Opening the files of a training set: those that are damaged are left out and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspire_training.data.damage import DamagedFile
from inspire_training.data.frames import FrameStore, open_frames
from inspire_training.data.hdf5 import demonstration_files
from inspire_training.model.presets import CameraConfig


@dataclass(frozen=True)
class OpenShards:
    """The frames of a training set.

    Attributes:
        stores, weights: per file. damaged: file name -> what is wrong with it, of those left out.
    """

    stores: tuple[FrameStore, ...]
    weights: tuple[float, ...]
    damaged: dict[str, str]


def open_shards(
    data: Sequence[Path],
    weights: Sequence[float],
    cameras: Sequence[CameraConfig],
    chunk_length: int,
    *,
    say: Callable[[str], None],
) -> OpenShards:
    """Open files and folders of files; a damaged file of a folder is left out.

    Args:
        weights: one per entry of `data`, or none: 1 each.

    Raises:
        ValueError: not one weight per entry. DamagedFile: a damaged file that is named itself, or nothing is left.
        FileNotFoundError, OSError: see `open_frames`.
    """
    if weights and len(weights) != len(data):
        raise ValueError(f"weights: expected one per entry of data ({len(data)}), found {len(weights)}")
    stores, kept, damaged = [], [], {}
    for path, weight in zip(data, weights or [1.0] * len(data)):
        for file in demonstration_files([path]):
            try:
                stores.append(open_frames(file, cameras, chunk_length))
            except DamagedFile as error:
                if file == path:
                    raise
                damaged[file.name] = str(error)
                continue
            kept.append(weight)
    for name, reason in damaged.items():
        say(f"left out {name}: {reason}")
    if not stores:
        raise DamagedFile(f"training data: expected files that can be read, found {len(damaged)} damaged ones")
    if damaged:
        say(f"{len(damaged)} of {len(damaged) + len(stores)} files of demonstrations are damaged and left out")
    return OpenShards(tuple(stores), tuple(kept), damaged)
