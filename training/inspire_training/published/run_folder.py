"""A published run folder: config.json, dataset_statistics.json and checkpoints/*.pt, read offline."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inspire_policy.action import LEAD_SIZE
from inspire_training.published.layout import GROUPS, Groups

_STEP = re.compile(r"step-(\d+)-")


@dataclass(frozen=True)
class PublishedRun:
    """What a run folder says of itself; its weights are read by `read_weights`.

    Attributes:
        config: of config.json. statistics: of dataset_statistics.json. weights: the `.pt` chosen. step: of its name.
    """

    folder: Path
    config: Mapping[str, Any]
    statistics: Mapping[str, Any]
    weights: Path
    step: int

    @property
    def vla(self) -> Mapping[str, Any]:
        """The part of the configuration about the model."""
        return self.config["vla"]


def read_run(folder: Path) -> PublishedRun:
    """The run in a folder, with the checkpoint of its last step. Raises FileNotFoundError or ValueError."""
    config = read_json(folder / "config.json")
    if not isinstance(config.get("vla"), dict):
        raise ValueError(f"{folder / 'config.json'}: expected the key vla with the model's settings, found none")
    statistics = read_json(folder / "dataset_statistics.json")
    steps = {path: int(found[1]) for path in folder.glob("checkpoints/*.pt") if (found := _STEP.search(path.name))}
    if not steps:
        raise FileNotFoundError(
            f"weights: expected checkpoints/step-*.pt in {folder}, found none; download the whole run folder"
        )
    weights = max(steps, key=lambda path: (steps[path], path.name))
    return PublishedRun(folder, config, statistics, weights, steps[weights])


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises FileNotFoundError or ValueError."""
    if not path.is_file():
        raise FileNotFoundError(f"{path.name}: expected it in {path.parent}, found none; download the whole folder")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON, found: {error}; download it again") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected an object, found {type(data).__name__}")
    return data


def load_pt(path: Path) -> dict[str, Any]:
    """The content of a `.pt`, tensors only, mapped into memory. Raises ValueError when it is damaged."""
    if not path.is_file():
        raise FileNotFoundError(
            f"weights: expected {path.name} in {path.parent}, found none; download the whole folder"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a broken archive raises whatever its reader stumbles over
        raise ValueError(
            f"weights: expected a complete file of tensors at {path}, found: {error}; download it again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"weights: expected a mapping in {path}, found {type(content).__name__}")
    return content


def read_weights(run: PublishedRun) -> Groups:
    """The groups of tensors of a run's checkpoint. Raises ValueError."""
    content = load_pt(run.weights).get("model")
    if not isinstance(content, dict) or set(content) != set(GROUPS):
        found = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"weights: expected the groups {', '.join(GROUPS)} under model in {run.weights}, found {found}"
        )
    return content


def action_statistics(run: PublishedRun, dataset: str = "") -> tuple[str, dict[str, np.ndarray]]:
    """The data set whose actions the checkpoint speaks, and its q01, q99 and mask, (7,) each.

    dataset: its key; by default the one of the configuration's data_mix, or the only one. Raises ValueError.
    """
    known = list(run.statistics)
    mixture = str(run.vla.get("data_mix", ""))
    key = dataset or (mixture if mixture in run.statistics else "")
    if not key and len(known) == 1:
        key = known[0]
    if key not in run.statistics:
        wanted = dataset or mixture or "it was trained on"
        raise ValueError(
            f"dataset_statistics.json: expected the data set {wanted}, found {', '.join(known) or 'none'}; name one "
            "with --dataset"
        )
    action = run.statistics[key].get("action", {})
    default = {"mask": [True] * (LEAD_SIZE - 1) + [False]}
    try:
        arrays = {name: np.asarray({**default, **action}[name]) for name in ("q01", "q99", "mask")}
    except KeyError as error:
        raise ValueError(f"dataset_statistics.json: expected {error} of the action of {key}, found none") from error
    if any(array.shape != (LEAD_SIZE,) for array in arrays.values()):
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ValueError(
            f"dataset_statistics.json: expected {LEAD_SIZE} numbers per statistic of {key}, found {shapes}"
        )
    arrays = {"q01": arrays["q01"].astype(np.float64), "q99": arrays["q99"].astype(np.float64)} | {
        "mask": arrays["mask"].astype(bool)
    }
    return key, arrays
