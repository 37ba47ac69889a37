"""What `inspire attention` takes. No torch here, so that the command line starts fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class AttentionSettings:
    """Draw where a policy looks while it answers and acts, and count how much of it falls on the objects named.

    Any checkpoint of this project, trained or imported; several are compared on the same frames.
    """

    checkpoint: tuple[str, ...]
    """Checkpoints or runs, as PATH or NAME=PATH."""
    data: Path
    """Episodes: a file or folder of grounding records, of demonstrations (*.hdf5), or a recording (*.mcap)."""
    out: Path
    """Folder of the pictures and of attention.json."""
    method: Literal["both", "last", "rollout"] = "both"
    """Last layer, attention rollout through all layers, or both."""
    world: str = ""
    """That demonstrations were recorded in, for the boxes of their objects; what the file names when empty."""
    seeds: tuple[int, ...] = ()
    """Seeds of the episodes; the first `episodes` of the data when empty."""
    episodes: int = 4
    frames: int = 5
    """Of each episode, evenly spread."""
    phase: Literal["all", "before_grasp"] = "all"
    """Frames of the whole episode, or those before the target is held."""
    sheets: int = 4
    """Episodes that are drawn; the others are only counted."""
    pictures: bool = False
    """A picture of each frame as well, beside the contact sheets."""
    threads: int = 1
