"""What `inspire to-lerobot` and `inspire from-lerobot` take. No pyarrow, no av here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True, kw_only=True)
class ToLeRobotSettings:
    """Write demonstrations as a LeRobotDataset v3, with their labels as further features."""

    data: tyro.conf.Positional[tuple[Path, ...]]
    """HDF5 files of demonstrations, or folders of them."""
    out: Path
    """Root folder of the dataset; it must not exist."""
    images: Literal["h264", "av1", "png"] = "h264"
    """Video codec, or png: lossless, inside the parquet files, ten times as large."""
    fps: int = 20
    robot: str = "panda"
    """robot_type of the dataset."""


@dataclass(frozen=True, kw_only=True)
class FromLeRobotSettings:
    """Turn a LeRobotDataset v3 on disk into demonstrations that `inspire train` takes.

    Datasets written by `inspire to-lerobot` bring their labels along. Others are labelled as recordings of a robot are,
    from when the gripper held something, so they need a tool pose, an opening and OSC_POSE actions.
    """

    root: tyro.conf.Positional[Path]
    """Root folder: meta/info.json, data/, videos/."""
    out: Path
    """Folder of the demonstrations; it must hold none yet."""
    agentview: str = "observation.images.agentview"
    """Feature of the camera that sees the scene."""
    wrist: str = "observation.images.wrist"
    """Feature of the camera at the hand."""
    state: str = "observation.state"
    """Feature of position (3), axis-angle (3) and gripper: one opening 0..1, or two finger positions, m."""
    action: str = "action"
    """Feature of the actions (7)."""
    gripper: Literal["osc", "opening"] = "osc"
    """The action's last number: -1 open .. +1 close, or 0 closed .. 1 open."""
    known: str = ""
    """Phrases that name one object each, with commas between them."""
    grasp_height: float = 0.05
    """By how many metres an object lies below the tool that holds it."""
    release_height: float = 0.14
    """By how many metres a place lies below the tool that lets go over it."""
    shard: int = 20
    """Episodes in a file."""
