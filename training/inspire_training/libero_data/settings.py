"""What `inspire regenerate`, `inspire merge` and `inspire write-libero` take. No h5py, no simulator here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True, kw_only=True)
class RegenerateSettings:
    """Replay LIBERO's official demonstrations and write labelled training data, sharded; the same command goes on
    where it was stopped.
    """

    raw: tyro.conf.Positional[tuple[Path, ...]]
    """Official files `<task>_demo.hdf5`, or folders of them."""
    out: Path
    """Folder of the shards, of plan.json and of the card."""
    suite: str = ""
    """libero_spatial, libero_object, libero_goal, libero_10 or libero_90; by default as the files say."""
    labels: Literal["published", "clean"] = "published"
    """published: objects, bodies, heights and holds as in the released data, oddities included; clean: those that the
    LIBERO worlds tell and an evaluation compares answers with."""
    replay: Literal["actions", "states"] = "actions"
    """actions: execute them again, as published; states: show each recorded state."""
    image_size: int = 256
    """Height and width of the images, px."""
    rendering: Literal["fast", "stock"] = "fast"
    """stock: shadows, reflections and full meshes as in the published images; five times slower in software."""
    keep_noops: bool = False
    keep_failures: bool = False
    """Keep demonstrations whose replay does not end in success; they are marked as such."""
    skip_damaged: bool = False
    """Leave out files that cannot be opened, instead of refusing to begin."""
    demos: int = 0
    """At most so many of each file; 0: all."""
    shard: int = 5
    """Demonstrations in a file; a cut costs each worker at most that many."""
    workers: int = 2
    """Processes; each takes a core and about 1.5 GB."""


@dataclass(frozen=True, kw_only=True)
class MergeSettings:
    """Make one folder of training data, with one card, of several that `inspire regenerate` made."""

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Finished folders, regenerated alike."""
    out: Path
    """Folder to make; it must not exist."""


@dataclass(frozen=True, kw_only=True)
class WriteLiberoSettings:
    """Let the scripted expert do tasks of LIBERO and write its demonstrations in the layout of the official files."""

    out: Path
    """Folder of the files `<task>_demo.hdf5`."""
    suite: str = "libero_object"
    tasks: tuple[str, ...] = ()
    """Names or indices; all of the suite when empty. The expert picks and places only."""
    demos: int = 10
    """Successful demonstrations of each task."""
    seed: int = 0
    """First seed of LIBERO's placement sampler; below 500,000."""
    image_size: int = 128
    pause: int = 3
    """No-op actions in the beginning, as people's demonstrations have them."""
    attempts: int = 3
    """Seeds tried for each demonstration, at most."""
