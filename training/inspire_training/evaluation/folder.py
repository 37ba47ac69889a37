"""The folder of an evaluation: settings.json, episodes.jsonl (a line per episode) and, at the end, result.json.

An evaluation of several splits has one such folder per split, and above them a settings.json and a result.json that
holds all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from inspire_policy.bundle import MANIFEST, BundleError, find_bundle, sha256
from inspire_sim.results import EpisodeResult

EPISODES_FILE = "episodes.jsonl"
SETTINGS_FILE = "settings.json"
RESULT_FILE = "result.json"


class EvaluationError(Exception):
    """The evaluation cannot go on; `exit_code` is 2 for bad input, 3 for a stack that keeps dying."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Settings:
    """What decides the numbers; two parts of one evaluation must agree on all of it."""

    bundle: str
    world: str
    mode: str
    commander: str
    split: str
    task: str
    instruction: str
    latency: float = 0.0
    image_size: int = 128
    route: str = "graph"
    language_every: int = 1
    latent: bool = False
    weights: str = ""  # of the bundle, see `weights_of`: its name stays when another is put in its place


def weights_of(bundle: str) -> str:
    """What tells a bundle, given by name or folder, from another of its name: the start of its manifest's SHA-256,
    which covers every file of it. Raises EvaluationError when there is no such bundle.
    """
    try:
        return sha256(find_bundle(bundle) / MANIFEST)[:12]
    except BundleError as error:
        raise EvaluationError(str(error), 2) from error


def claim(folder: Path, settings: Settings) -> None:
    """Make the folder, or check that it belongs to these settings. Raises EvaluationError."""
    path = folder / SETTINGS_FILE
    mine = asdict(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_file(path, json.dumps(mine, indent=1) + "\n")
            return
        text = path.read_text()
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        theirs = json.loads(text)
    except ValueError:
        theirs = {}
    for field in fields(Settings):
        default = None if field.default is MISSING else field.default  # a folder from before there was such a setting
        value, found = mine[field.name], theirs.get(field.name, default)
        if found != value:
            raise EvaluationError(
                f"out: expected a folder of an evaluation with {field.name} {value!r}, "
                f"found one with {found or 'none'!r} in {folder}; choose another --out",
                2,
            )


def read_episodes(folder: Path) -> dict[int, EpisodeResult]:
    """Finished episodes by seed; a last line that was cut off by a crash is left out."""
    results: dict[int, EpisodeResult] = {}
    path = folder / EPISODES_FILE
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            result = EpisodeResult.from_json(line)
        except ValueError:
            continue
        results[result.seed] = result
    return results


def write_episodes(folder: Path, results: Iterable[EpisodeResult]) -> None:
    """Write the file of finished episodes anew."""
    write_file(folder / EPISODES_FILE, "".join(result.to_json() + "\n" for result in results))


def write_file(path: Path, text: str) -> None:
    """Write a file so that it is there completely or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def not_writable(folder: Path, error: OSError) -> EvaluationError:
    """The complaint about a folder that cannot be used."""
    return EvaluationError(
        f"out: expected a folder that can be written, found {folder}: {error.strerror}; choose another", 2
    )
