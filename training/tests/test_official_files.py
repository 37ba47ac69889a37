"""Official files that are damaged or incomplete, and what is planned and counted; no simulator here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from inspire_training.libero_data import plan as planning
from inspire_training.libero_data.card import card_page, make_card
from inspire_training.libero_data.official import DamagedDemo, DamagedFile, read_demo, read_header
from inspire_training.libero_data.plan import claim, make_plan, record_path
from inspire_training.libero_data.settings import RegenerateSettings

TASK = "pick_up_the_milk_and_place_it_in_the_basket"


def write_official(folder: Path, task: str = TASK, demos: int = 7, missing: tuple[int, ...] = ()) -> Path:
    """A file of the official layout with random numbers."""
    path = folder / f"{task}_demo.hdf5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update(num_demos=demos, bddl_file_name=f"libero/libero/bddl_files/libero_object/{task}.bddl")
        for number in range(demos):
            if number not in missing:
                demo = data.create_group(f"demo_{number}")
                demo["actions"], demo["states"] = rng.uniform(-1, 1, (5, 7)), rng.normal(size=(5, 30))
    return path


@pytest.fixture
def suites(monkeypatch):
    """Suites without LIBERO's files."""
    monkeypatch.setattr(planning, "libero_folder", Path)
    monkeypatch.setattr(planning, "suite_tasks", lambda root, suite: (TASK,) if suite == "libero_object" else ())


def test_missing_demonstrations_are_named(tmp_path):
    path = write_official(tmp_path, missing=(0, 3))
    header = read_header(path)
    assert header.demos == tuple(f"demo_{i}" for i in range(7)) and header.missing == ("demo_0", "demo_3")
    assert (header.task, header.suite) == (TASK, "libero_object")
    with pytest.raises(DamagedDemo, match="missing: expected demo_3"):
        read_demo(path, "demo_3")


@pytest.mark.parametrize(
    ("arrays", "name"),
    [
        ({"actions": np.zeros((5, 7))}, "incomplete"),
        ({"actions": np.zeros((5, 6)), "states": np.zeros((5, 30))}, "wrong_shape"),
        ({"actions": np.zeros((4, 7)), "states": np.zeros((5, 30))}, "wrong_shape"),
        ({"actions": np.full((5, 7), np.nan), "states": np.zeros((5, 30))}, "not_finite"),
        ({"actions": np.zeros((0, 7)), "states": np.zeros((0, 30))}, "empty"),
        ({"actions": np.array([b"left"] * 5), "states": np.zeros((5, 30))}, "unreadable"),
    ],
)
def test_a_demonstration_that_cannot_be_used_has_a_name(tmp_path, arrays, name):
    path = write_official(tmp_path, missing=(1,))
    with h5py.File(path, "a") as file:
        demo = file.create_group("data/demo_1")
        for key, values in arrays.items():
            demo[key] = values
    with pytest.raises(DamagedDemo) as raised:
        read_demo(path, "demo_1")
    assert raised.value.name == name


def test_a_truncated_file_is_refused_before_anything_is_written(tmp_path, suites):
    whole = write_official(tmp_path)
    cut = tmp_path / "other_demo.hdf5"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    settings = RegenerateSettings(raw=(tmp_path,), out=tmp_path / "out")
    with pytest.raises(DamagedFile, match="expected a complete HDF5 file, found .*; download it again"):
        read_header(cut)
    with pytest.raises(ValueError, match=r"found 1 damaged; --skip-damaged leaves them out\n.*other_demo.hdf5"):
        make_plan(settings)
    assert not settings.out.exists()
    plan = make_plan(replace(settings, skip_damaged=True))
    assert list(plan.damaged) == ["other_demo.hdf5"] and {shard.task for shard in plan.shards} == {TASK}


def test_a_plan_names_every_demonstration_once_and_belongs_to_its_folder(tmp_path, suites):
    settings = RegenerateSettings(raw=(write_official(tmp_path, missing=(3,)),), out=tmp_path / "out", shard=3)
    plan = make_plan(settings)
    assert [shard.demos for shard in plan.shards] == [
        ("demo_0", "demo_1", "demo_2"), ("demo_3", "demo_4", "demo_5"), ("demo_6",)
    ]  # fmt: skip
    assert [shard.first_seed for shard in plan.shards] == [0, 3, 6]
    claim(settings.out, plan)
    claim(settings.out, make_plan(settings))
    with pytest.raises(ValueError, match='begun with labels "clean", found "published"'):
        claim(settings.out, make_plan(replace(settings, labels="clean")))
    with pytest.raises(ValueError, match="expected a folder without"):
        claim(tmp_path, plan)


def test_an_unknown_task_is_refused(tmp_path, suites):
    path = write_official(tmp_path, task="juggle")
    with pytest.raises(ValueError, match="expected the name of a task of LIBERO before _demo.hdf5, found 'juggle'"):
        make_plan(RegenerateSettings(raw=(path,), out=tmp_path / "out"))


def test_the_card_counts_what_was_written(tmp_path, suites):
    settings = RegenerateSettings(raw=(write_official(tmp_path),), out=tmp_path / "out", shard=4)
    plan = make_plan(settings)
    record = {
        "task": TASK, "source": "a_demo.hdf5",
        "directions": {"milk": {"front": 3, "grasped": 2}, "basket": {"left": 5}},
        "demos": {
            "demo_0": {"outcome": "kept", "frames": 5, "noops": 2},
            "demo_1": {"outcome": "failed", "frames": 9, "noops": 0},
            "demo_2": {"outcome": "missing", "reason": "missing: expected demo_2"},
        },
    }  # fmt: skip
    card = make_card(plan.content, [record, record])
    assert card["demonstrations"] == {"failed": 2, "kept": 2, "missing": 2}
    assert (card["frames"], card["noops_dropped"], card["answers"]) == (10, 4, 20)
    assert card["directions"]["front"] == 6 and card["objects"]["milk"]["answers"] == 10
    assert card["left_out"] == {"a_demo.hdf5 demo_2": "missing: expected demo_2"}
    page = card_page(card)
    assert "| milk | 10 |" in page and "2 of 6 demonstrations kept, 10 frames at 256 px, 4 no-ops dropped" in page
    assert not record_path(settings.out, plan.shards[0]).exists() and json.dumps(card)
