"""LIBERO's demonstrations written, replayed, labelled and trained on, in LIBERO itself; and a run that is killed.

Runs where LIBERO and its assets are: `make setup-libero`, and their folder in INSPIRE_LIBERO_ASSETS.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from inspire_policy.directions import direction_axis
from inspire_training.data.frames import open_frames
from inspire_training.data.hdf5 import demonstration_files, read_trajectories
from inspire_training.libero_data import shards
from inspire_training.libero_data.official import SUFFIX
from inspire_training.libero_data.plan import RECORDS
from inspire_training.libero_data.regenerate import regenerate
from inspire_training.libero_data.scripted import write_task
from inspire_training.libero_data.settings import RegenerateSettings, WriteLiberoSettings
from inspire_training.model.presets import PRESETS

pytest.importorskip("libero", reason="LIBERO is an extra: `make setup-libero`")
pytestmark = [
    pytest.mark.skipif(not os.environ.get("INSPIRE_LIBERO_ASSETS"), reason="INSPIRE_LIBERO_ASSETS is not set"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # seconds of a loaded machine; a quiet one takes a twentieth
]

TASK = "pick_up_the_salad_dressing_and_place_it_in_the_basket"
SIZE = 64
PAUSE = 3


@pytest.fixture(scope="module")
def world():
    """One world for all, also for what `make_shard` does in this process."""
    from inspire_sim.worlds.libero_replay import LiberoReplayWorld

    made = LiberoReplayWorld("libero_object", image_size=SIZE)
    shards._worlds["libero_object", SIZE, "fast"] = made
    yield made
    shards._worlds.clear()
    made.close()


@pytest.fixture(scope="module")
def official(world, tmp_path_factory) -> Path:
    """One scripted demonstration in the official layout."""
    path = tmp_path_factory.mktemp("official") / f"{TASK}{SUFFIX}"
    settings = WriteLiberoSettings(out=path.parent, demos=1, pause=PAUSE, image_size=SIZE)
    assert write_task(world, path, TASK, settings) == 1
    return path


@pytest.fixture(scope="module")
def ends(official, tmp_path_factory) -> Path:
    """Four short ones: the last actions of the first, from where the object is let go; and two that are missing."""
    path = tmp_path_factory.mktemp("ends") / f"{TASK}{SUFFIX}"
    with h5py.File(official) as source, h5py.File(path, "w") as file:
        whole, data = source["data/demo_0"], file.create_group("data")
        data.attrs.update(dict(source["data"].attrs), num_demos=6)
        for number in range(4):
            demo = data.create_group(f"demo_{number}")
            last = slice(-6 - number, None)
            demo["actions"], demo["states"] = whole["actions"][last], whole["states"][last]
            demo["actions"][:, 0] = 0.01 * (1 + number)  # no no-ops, and each differs
    return path


def test_the_official_layout_is_complete(official):
    with h5py.File(official) as file:
        data, demo = file["data"], file["data/demo_0"]
        assert data.attrs["num_demos"] == 1 and data.attrs["bddl_file_name"].endswith(f"libero_object/{TASK}.bddl")
        assert json.loads(data.attrs["problem_info"])["language_instruction"].startswith("pick up the salad dressing")
        steps = demo.attrs["num_samples"]
        shapes = {"actions": (7,), "states": (110,), "robot_states": (9,), "rewards": (), "dones": ()}
        assert {name: demo[name].shape for name in shapes} == {name: (steps, *rest) for name, rest in shapes.items()}
        images = {"agentview_rgb": (SIZE, SIZE, 3), "eye_in_hand_rgb": (SIZE, SIZE, 3)}
        felt = {"ee_pos": (3,), "ee_ori": (3,), "ee_states": (6,), "joint_states": (7,), "gripper_states": (2,)}
        assert {name: item.shape[1:] for name, item in demo["obs"].items()} == images | felt
        assert demo["dones"][-1] == 1 and demo["dones"][:].sum() == 1


def test_a_demonstration_is_replayed_labelled_and_can_be_trained_on(official, tmp_path):
    settings = RegenerateSettings(raw=(official,), out=tmp_path / "out", image_size=SIZE, workers=1)
    card = regenerate(settings)
    assert card["demonstrations"] == {"kept": 1}
    assert card["noops_dropped"] >= PAUSE
    assert set(card["objects"]) == {"salad dressing", "basket"} and card["directions"]["grasped"] > 10
    (path,) = demonstration_files([settings.out])
    (found,) = read_trajectories(path)
    assert (
        found.success
        and found.objects == ("salad dressing", "basket")
        and found.images_wrist.shape[1:] == (SIZE, SIZE, 3)
    )
    moved = np.linalg.norm(found.executed_actions[:, :6], axis=1) > 1e-4
    assert (moved[1:] | (np.diff(found.executed_actions[:, 6]) != 0)).all(), "no no-op is left"
    wanted = [[direction_axis(o, g) for o, g in zip(*row)] for row in zip(found.offsets, found.grasped)]
    np.testing.assert_array_equal(found.directions, wanted)
    with h5py.File(path) as file:
        label = file["labels/demo_0"]
        names = [name.decode() for name in label["object_names"]]
        assert label["object_positions"].shape == (len(found), len(names), 3)
        raised = label["object_positions"][:, names.index("basket_1")] + [0.0, 0.0, 0.07185] - found.positions
        np.testing.assert_allclose(found.offsets[:, 1], raised, atol=1e-5)
        assert [name.decode() for name in label["asked"]] == ["the salad dressing", "the basket"]
        held = found.grasped[:, 0]
        assert set(label["answers_direction_3d"][held, 0]) == {b"catch"} and held.sum() > 10
        assert all(len(text.split()) == 3 for text in label["answers_fine_direction"][~held, 0])
    frames = open_frames(path, PRESETS["tabletop"].cameras, chunk_length=8)
    assert len(frames) == len(found) and frames.pairs == ((found.instruction, found.objects),)


def _content(folder: Path) -> dict[int, tuple[int, bytes]]:
    """Seed -> frames and images of every demonstration; each must be there once."""
    found: dict[int, tuple[int, bytes]] = {}
    for path in demonstration_files([folder]):
        for t in read_trajectories(path):
            assert t.seed not in found, "doubled"
            found[t.seed] = len(t), t.images_agentview.tobytes()
    return found


def test_a_killed_run_goes_on_with_no_frame_lost_or_doubled(world, ends, tmp_path):
    settings = RegenerateSettings(
        raw=(ends,), out=tmp_path / "whole", image_size=SIZE, workers=1, shard=1, labels="clean", keep_failures=True
    )
    whole = regenerate(settings)
    assert sum(whole["demonstrations"].get(kind, 0) for kind in ("kept", "failed")) == 4
    assert whole["demonstrations"]["missing"] == 2
    cut = replace(settings, out=tmp_path / "cut")

    class Killed(shards.TrajectoryWriter):
        """Where a shard is complete already, the process ends when it has written the next one but for the end."""

        def close(self) -> None:
            if list((cut.out / RECORDS).glob("*.json")):
                os.kill(os.getpid(), signal.SIGKILL)
            super().close()

    def run() -> None:
        shards.TrajectoryWriter = Killed
        regenerate(cut)

    # A fork has the world already; what it writes is what any process would.
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert 0 < len(list((cut.out / RECORDS).glob("*.json"))) < 6, "killed in the middle"
    assert list(cut.out.glob("*.partial*")), "with a file that was being written"
    assert regenerate(cut) == whole
    assert _content(cut.out) == _content(settings.out) and len(_content(cut.out)) == 4
    assert not list(cut.out.rglob("*.partial*"))


def test_a_full_disk_leaves_whole_shards_only(world, ends, tmp_path):
    """A limit on the size of files stands for the disk: writing fails in the same place."""
    settings = RegenerateSettings(raw=(ends,), out=tmp_path / "full", image_size=SIZE, workers=1, shard=1)

    def limited() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            regenerate(replace(settings, keep_failures=True))
        except OSError:
            os._exit(7)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=limited)
    process.start()
    process.join(120)
    assert process.exitcode == 7
    assert not list(settings.out.glob("*.hdf5*")) and not list((settings.out / RECORDS).iterdir())
