"""Reading finished evaluations back, of one split or of several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspire_sim.results import EpisodeResult
from inspire_training.evaluation.folder import RESULT_FILE


class SavedError(ValueError):
    """A folder is no finished evaluation, or two of them cannot be set side by side."""


@dataclass(frozen=True)
class SavedSplit:
    """A finished evaluation of one split: where it lies, its settings (see `folder.Settings`), its episodes."""

    folder: Path
    settings: Mapping[str, str]
    episodes: tuple[EpisodeResult, ...]

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.settings["split"]


def read_saved(folder: Path) -> dict[str, SavedSplit]:
    """Split -> its evaluation, in the order they were run. Raises SavedError."""
    content = _content(folder)
    parts = [folder / name for name in content["splits"]] if "splits" in content else [folder]
    saved = [_read_split(part) for part in parts]
    return {one.split: one for one in saved}


def check_pair(a: SavedSplit, b: SavedSplit) -> None:
    """Two evaluations can be compared episode by episode. Raises SavedError with what differs."""
    for name in ("world", "split", "mode", "task", "instruction"):
        if a.settings.get(name) != b.settings.get(name):
            raise SavedError(
                f"{b.folder}: expected {name} {a.settings.get(name)!r} as in {a.folder}, found "
                f"{b.settings.get(name)!r}; evaluate both with the same --{name}"
            )
    seeds = [{e.seed: e.task for e in one.episodes} for one in (a, b)]
    if seeds[0].keys() != seeds[1].keys():
        raise SavedError(
            f"{b.folder}: expected the seeds of {a.folder}, {_range(seeds[0])}, found {_range(seeds[1])}; "
            "evaluate both with the same --seed and --episodes"
        )
    for seed, task in seeds[0].items():
        if seeds[1][seed] != task:
            raise SavedError(
                f"{b.folder}: expected the task {task!r} for seed {seed} as in {a.folder}, found {seeds[1][seed]!r}; "
                "the world has changed between them, evaluate the older one again"
            )


def same_splits(a: Path, b: Path) -> list[tuple[SavedSplit, SavedSplit]]:
    """The pairs of splits of two folders, checked. Raises SavedError."""
    ours, theirs = read_saved(a), read_saved(b)
    if len(ours) == len(theirs) == 1:  # then check_pair tells what differs
        theirs = dict(zip(ours, theirs.values()))
    if ours.keys() != theirs.keys():
        raise SavedError(
            f"{b}: expected the splits of {a}, {', '.join(ours)}, found {', '.join(theirs)}; "
            "evaluate both with the same --split"
        )
    pairs = [(one, theirs[split]) for split, one in ours.items()]
    for pair in pairs:
        check_pair(*pair)
    return pairs


def read_rungs(rungs: Mapping[str, Path]) -> dict[str, dict[str, SavedSplit]]:
    """Rung -> split -> evaluation, all over the seeds of the first. Raises SavedError."""
    first = next(iter(rungs.values()), Path())
    return {name: {base.split: other for base, other in same_splits(first, folder)} for name, folder in rungs.items()}


def _read_split(folder: Path) -> SavedSplit:
    content = _content(folder)
    try:
        episodes = tuple(EpisodeResult.from_json(json.dumps(line)) for line in content["episodes"])
        settings = {str(name): str(value) for name, value in content["settings"].items()}
        settings["split"]
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise SavedError(
            f"{folder / RESULT_FILE}: expected the result of `inspire evaluate`, found something else ({error})"
        ) from error
    if not episodes:
        raise SavedError(f"{folder / RESULT_FILE}: expected at least one episode, found none; evaluate again")
    return SavedSplit(folder, settings, episodes)


def _content(folder: Path) -> dict[str, Any]:
    path = folder / RESULT_FILE
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise SavedError(
            f"{folder}: expected the {RESULT_FILE} of a finished evaluation, found none; "
            f"`inspire evaluate --out {folder}` writes it"
        ) from None
    except ValueError as error:
        raise SavedError(f"{path}: expected JSON, found {error}; evaluate again") from error
    if not isinstance(content, dict):
        raise SavedError(f"{path}: expected an object of JSON, found {type(content).__name__}; evaluate again")
    return content


def _range(seeds: Mapping[int, str]) -> str:
    return f"{len(seeds)} from {min(seeds)} to {max(seeds)}"
