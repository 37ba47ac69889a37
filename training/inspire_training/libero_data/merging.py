"""`inspire merge`: regenerated suites become one folder with one card, as the published models of several suites, and
the LeRobot datasets of pi0-FAST, were trained on.

Shards keep their names and become further names of the same files where the file system allows it, so that a merge
takes no room. A shard that two folders hold alike is taken once and counted; two different ones of one name are
refused, for one would silently be lost.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from pathlib import Path
from typing import Any

from inspire_training.libero_data.card import CARD_FILE, make_card, write_card
from inspire_training.libero_data.plan import PLAN_FILE, RECORDS, write_whole
from inspire_training.libero_data.settings import MergeSettings
from inspire_training.libero_data.shards import KEPT

ALIKE = ("labels", "replay", "image_size", "rendering", "keep_noops", "keep_failures")


def merge(settings: MergeSettings) -> dict[str, Any]:
    """Merge the folders and return the new card, whose `doubled` counts the shards that were there twice.

    Raises ValueError, FileNotFoundError on folders that cannot be merged, OSError when the disk is full; nothing is
    written then.
    """
    if settings.out.exists():
        raise ValueError(f"out: expected a folder that is not there yet, found {settings.out}; choose another")
    plans = {folder: _plan(folder) for folder in settings.folders}
    plan = _common(plans)
    shards, doubled = _shards(settings.folders)
    card = make_card(plan, [json.loads(record.read_text()) for record, _ in shards.values()]) | {"doubled": doubled}
    partial = settings.out.with_name(f".{settings.out.name}.partial.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / RECORDS).mkdir(parents=True)
        write_whole(partial / PLAN_FILE, json.dumps(plan, indent=1) + "\n")
        for record, data in shards.values():
            shutil.copyfile(record, partial / RECORDS / record.name)
            if data is not None:
                _put(data, partial / data.name)
        write_card(partial, card)
        os.replace(partial, settings.out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    print(
        f"{settings.out}: {card['demonstrations'].get(KEPT, 0)} demonstrations, {card['frames']} frames of "
        f"{len(card['tasks'])} tasks in {len(shards)} shards; {doubled} shards were there twice"
    )
    return card


def _plan(folder: Path) -> dict[str, Any]:
    """The plan of a folder that is complete."""
    for name in (PLAN_FILE, CARD_FILE):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"folders: expected a folder that `inspire regenerate` has finished, found no {name} in {folder}; run "
                "it to its end"
            )
    return dict(json.loads((folder / PLAN_FILE).read_text()))


def _common(plans: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """What all plans agree on, and the files of all."""
    (first, one), *rest = plans.items()
    for folder, other in rest:
        for name in ALIKE:
            if other[name] != one[name]:
                raise ValueError(
                    f"folders: expected {name} {one[name]} as in {first}, found {other[name]} in {folder}; regenerate "
                    "one of them"
                )
    plan: dict[str, Any] = {name: one[name] for name in ALIKE}
    plan["files"] = {name: size for other in plans.values() for name, size in other["files"].items()}
    plan["damaged"] = {name: why for other in plans.values() for name, why in other["damaged"].items()}
    return plan


def _shards(folders: tuple[Path, ...]) -> tuple[dict[str, tuple[Path, Path | None]], int]:
    """Name of a shard -> its record and its demonstrations (None where none was kept), and how many were doubled."""
    shards: dict[str, tuple[Path, Path | None]] = {}
    doubled = 0
    for folder in folders:
        for record in sorted((folder / RECORDS).glob("*.json")):
            found = record, _demonstrations(folder, record)
            if record.stem not in shards:
                shards[record.stem] = found
            elif _same(shards[record.stem], found):
                doubled += 1
            else:
                raise ValueError(
                    f"folders: expected each task in one folder, found different shards {record.stem} in "
                    f"{shards[record.stem][0].parents[1]} and {folder}; leave one of them out"
                )
    return shards, doubled


def _demonstrations(folder: Path, record: Path) -> Path | None:
    """The data file of a shard, None where nothing of it was kept. Raises FileNotFoundError where it should be."""
    if not json.loads(record.read_text())["directions"]:
        return None
    data = folder / f"{record.stem}.hdf5"
    if not data.is_file():
        raise FileNotFoundError(f"folders: expected {data}, of which {record} tells, found none; regenerate it")
    return data


def _same(one: tuple[Path, Path | None], other: tuple[Path, Path | None]) -> bool:
    if not filecmp.cmp(one[0], other[0], shallow=False):
        return False
    return one[1] is None or (other[1] is not None and filecmp.cmp(one[1], other[1], shallow=False))


def _put(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where that cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns its exit code."""
    import tyro

    merge(tyro.cli(MergeSettings, prog="inspire merge", args=arguments))
    return 0
