"""Which shards a set of official files becomes, and what is remembered of it in the folder: plan.json, never changed.

A shard is a few demonstrations of one task. It is done when its record, shards/<name>.json, is there; that is renamed
into place after its data file, so that a cut in between only makes both anew. What belongs to another plan is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inspire_sim.worlds.libero_assets import libero_folder
from inspire_sim.worlds.libero_tasks import suite_tasks
from inspire_sim.worlds.registry import LIBERO_WORLDS
from inspire_training.libero_data.official import DamagedFile, OfficialFile, official_files, read_header
from inspire_training.libero_data.settings import RegenerateSettings

PLAN_FILE = "plan.json"
RECORDS = "shards"
_DECIDES = ("labels", "replay", "image_size", "rendering", "keep_noops", "keep_failures", "demos", "shard")
_SEEDS_OF_A_TASK = 1000


@dataclass(frozen=True)
class Shard:
    """Some demonstrations of one file. `first_seed` belongs to the first of them."""

    name: str
    path: Path
    suite: str
    task: str
    demos: tuple[str, ...]
    first_seed: int


@dataclass(frozen=True)
class Plan:
    """All shards; `damaged`: file name -> why it is left out; `content`: of plan.json."""

    shards: tuple[Shard, ...]
    damaged: dict[str, str]
    content: dict[str, Any]


def make_plan(settings: RegenerateSettings) -> Plan:
    """The plan of these settings. Raises ValueError, FileNotFoundError with nothing written."""
    if settings.shard < 1 or settings.workers < 1 or settings.demos < 0:
        raise ValueError(
            f"expected shard and workers of 1 or more and demos of 0 or more, found {settings.shard}, "
            f"{settings.workers} and {settings.demos}"
        )
    headers, damaged = _headers(settings)
    shards: list[Shard] = []
    for header in headers:
        suite, index = _place(header, settings.suite)
        demos = header.demos[: settings.demos] if settings.demos else header.demos
        for first in range(0, len(demos), settings.shard):
            shards.append(
                Shard(
                    f"{header.task}-{first:04d}",
                    header.path,
                    suite,
                    header.task,
                    demos[first : first + settings.shard],
                    index * _SEEDS_OF_A_TASK + first,
                )
            )
    if len({shard.name for shard in shards}) < len(shards):
        raise ValueError("raw: expected each task once, found two files of one task; regenerate them into two folders")
    content: dict[str, Any] = {name: asdict(settings)[name] for name in _DECIDES}
    content["files"] = {header.path.name: header.bytes for header in headers}
    content["damaged"] = damaged
    return Plan(tuple(shards), damaged, content)


def claim(out: Path, plan: Plan) -> None:
    """Make the folder, or check that it belongs to this plan. Raises ValueError, OSError."""
    path = out / PLAN_FILE
    (out / RECORDS).mkdir(parents=True, exist_ok=True)
    if not path.exists():
        if list(out.glob("*.hdf5")):
            raise ValueError(f"out: expected a folder without *.hdf5, found some in {out}; choose another")
        write_whole(path, json.dumps(plan.content, indent=1) + "\n")
        return
    theirs = json.loads(path.read_text())
    for name, value in plan.content.items():
        if theirs.get(name) != value:
            raise ValueError(
                f"out: expected a folder begun with {name} {_short(value)}, found {_short(theirs.get(name))} in {out}; "
                "choose another folder, or the same options and files"
            )


def record_path(out: Path, shard: Shard) -> Path:
    """The record of a shard; the shard is done when it is there."""
    return out / RECORDS / f"{shard.name}.json"


def data_path(out: Path, shard: Shard) -> Path:
    """The demonstrations of a shard; not there when none of them was kept."""
    return out / f"{shard.name}.hdf5"


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there completely or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _headers(settings: RegenerateSettings) -> tuple[list[OfficialFile], dict[str, str]]:
    headers, damaged = [], {}
    for path in official_files(list(settings.raw)):
        try:
            headers.append(read_header(path))
        except DamagedFile as error:
            damaged[path.name] = str(error)
    if damaged and not settings.skip_damaged:
        found = "\n".join(f"  {reason}" for reason in damaged.values())
        raise ValueError(
            f"raw: expected whole files, found {len(damaged)} damaged; --skip-damaged leaves them out\n{found}"
        )
    if not headers:
        raise ValueError("raw: expected at least one file that can be read, found none")
    return headers, damaged


def _place(header: OfficialFile, wanted: str) -> tuple[str, int]:
    """Suite and index of a file's task. Raises ValueError."""
    root = libero_folder()
    suites: Sequence[str] = [wanted] if wanted else [header.suite, *LIBERO_WORLDS]
    for suite in suites:
        if suite in LIBERO_WORLDS and header.task in suite_tasks(root, suite):
            return suite, suite_tasks(root, suite).index(header.task)
    raise ValueError(
        f"{header.path.name}: expected the name of a task of {wanted or 'LIBERO'} before _demo.hdf5, found "
        f"{header.task!r}; keep the files' own names, or give --suite"
    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else text[:77] + "..."
