"""Regenerated suites merged into one: every demonstration once, one card, and nothing half-done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from inspire_training.data.hdf5 import TrajectoryWriter, demonstration_files, read_trajectories
from inspire_training.data.trajectory import Trajectory
from inspire_training.libero_data.card import CARD_FILE, make_card, write_card
from inspire_training.libero_data.merging import main, merge
from inspire_training.libero_data.plan import PLAN_FILE, RECORDS
from inspire_training.libero_data.settings import MergeSettings

PLAN = {"labels": "published", "replay": "actions", "image_size": 128, "rendering": "fast", "keep_noops": False}
Make = Callable[..., Path]


@pytest.fixture
def regenerated(trajectories: list[Trajectory]) -> Make:
    """Makes a folder as `inspire regenerate` leaves it."""
    return partial(write_regenerated, trajectories)


def write_regenerated(trajectories: list[Trajectory], folder: Path, shards: dict[str, list[int]], **plan: Any) -> Path:
    """`shards`: shard -> seeds of its demonstrations, none: nothing was kept."""
    (folder / RECORDS).mkdir(parents=True)
    settings = {**PLAN, "keep_failures": False, "files": {f"{folder.name}_demo.hdf5": 9}, "damaged": {}, **plan}
    (folder / PLAN_FILE).write_text(json.dumps(settings))
    records = []
    for name, seeds in shards.items():
        if seeds:
            with TrajectoryWriter(folder / f"{name}.hdf5") as writer:
                for seed in seeds:
                    writer.add(trajectories[seed])
        kept = {f"demo_{seed}": {"outcome": "kept", "frames": 12, "noops": 1} for seed in seeds}
        lost = {} if seeds else {"demo_0": {"outcome": "failed", "frames": 5, "noops": 0}}
        told = {"milk": {"left": 12 * len(seeds)}} if seeds else {}
        record = {"task": name.rpartition("-")[0], "suite": folder.name, "source": "x_demo.hdf5"}
        records.append({**record, "demos": {**kept, **lost}, "directions": told})
        (folder / RECORDS / f"{name}.json").write_text(json.dumps(records[-1]))
    write_card(folder, make_card(settings, records))
    return folder


@pytest.fixture
def suites(regenerated: Make, tmp_path: Path) -> tuple[Path, Path]:
    goal = regenerated(tmp_path / "goal", {"push-0000": [1, 2], "push-0005": []})
    return goal, regenerated(tmp_path / "object", {"pick-0000": [3], "push-0005": []})


def test_merged_suites_hold_each_demonstration_once(suites: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "object" / RECORDS / "push-0005.json"
    other.write_text((tmp_path / "goal" / RECORDS / "push-0005.json").read_text())
    assert main([*map(str, suites), "--out", str(tmp_path / "both")]) == 0
    card = json.loads((tmp_path / "both" / CARD_FILE).read_text())
    assert card["demonstrations"] == {"failed": 1, "kept": 3} and (card["frames"], card["doubled"]) == (36, 1)
    assert card["objects"]["milk"]["left"] == 36 and set(card["tasks"]) == {"pick", "push"}
    files = demonstration_files([tmp_path / "both"])
    assert [(t.seed, len(t)) for path in files for t in read_trajectories(path)] == [(3, 12), (1, 12), (2, 12)]
    assert os.path.samefile(files[0], suites[1] / "pick-0000.hdf5"), "no room is taken"
    assert "3 of 4 demonstrations kept" in (tmp_path / "both/README.md").read_text()
    again = merge(MergeSettings(folders=(tmp_path / "both", suites[1]), out=tmp_path / "again"))
    assert again["frames"] == 36 and again["doubled"] == 2, "what was merged merges"


def test_what_does_not_go_together_is_refused_with_nothing_written(
    suites: tuple[Path, Path], regenerated: Make, tmp_path: Path
) -> None:
    goal, objects = suites
    clean = regenerated(tmp_path / "clean", {"lift-0000": [4]}, labels="clean")
    unfinished = regenerated(tmp_path / "unfinished", {"lift-0000": [4]})
    (unfinished / CARD_FILE).unlink()
    clash = regenerated(tmp_path / "clash", {"push-0000": [5]})
    lost = regenerated(tmp_path / "lost", {"lift-0000": [4]})
    (lost / "lift-0000.hdf5").unlink()
    before = sorted(path.name for path in tmp_path.iterdir())
    for other, error, message in (
        (objects, ValueError, "found different shards push-0005 in .*goal and .*object"),
        (clean, ValueError, "expected labels published as in .*goal, found clean in .*clean"),
        (unfinished, FileNotFoundError, "found no card.json in .*unfinished; run it to its end"),
        (clash, ValueError, "expected each task in one folder, found different shards push-0000"),
        (lost, FileNotFoundError, "expected .*lift-0000.hdf5, of which .*lift-0000.json tells, found none"),
    ):
        with pytest.raises(error, match=message):
            merge(MergeSettings(folders=(goal, other), out=tmp_path / "out"))
    with pytest.raises(ValueError, match="expected a folder that is not there yet"):
        merge(MergeSettings(folders=(goal,), out=objects))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_full_disk_leaves_nothing(suites: tuple[Path, Path], tmp_path: Path, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)  # as between two file systems: a copy then, which finds no room
    monkeypatch.setattr("inspire_training.libero_data.merging.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        merge(MergeSettings(folders=suites[:1], out=tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["goal", "object"]
