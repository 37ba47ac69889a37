"""LeRobotDataset v3: what is written can be read back, by lerobot's own reader where that is installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from conftest import make_trajectory

from inspire_training.data.hdf5 import demonstration_files, read_trajectories, write_trajectories
from inspire_training.lerobot import layout
from inspire_training.lerobot.layout import LeRobotError
from inspire_training.lerobot.settings import FromLeRobotSettings, ToLeRobotSettings

for _name in ("pyarrow", "av"):
    pytest.importorskip(_name, reason=f"{_name} is part of the extra lerobot: `make setup-lerobot`")


def to_lerobot(settings):
    from inspire_training.lerobot.export import to_lerobot as run

    return run(settings)


def from_lerobot(settings):
    from inspire_training.lerobot.importing import from_lerobot as run

    return run(settings)


@pytest.fixture(scope="module")
def originals():
    return [make_trajectory(seed, steps=6 + seed) for seed in range(3)]


@pytest.fixture(scope="module")
def data(tmp_path_factory, originals) -> Path:
    path = tmp_path_factory.mktemp("lerobot") / "mine.hdf5"
    write_trajectories(path, originals)
    return path


def test_a_lossless_round_trip_loses_nothing(data, originals, tmp_path):
    info = to_lerobot(ToLeRobotSettings(data=(data,), out=tmp_path / "set", images="png"))
    assert (info["total_episodes"], info["total_frames"]) == (3, 6 + 7 + 8)
    counts = from_lerobot(FromLeRobotSettings(root=tmp_path / "set", out=tmp_path / "back", shard=2))
    assert (counts["written"], counts["left_out"]) == (3, {})
    files = demonstration_files([tmp_path / "back"])
    assert len(files) == 2
    for wanted, found in zip(originals, (t for path in files for t in read_trajectories(path)), strict=True):
        for field in fields(wanted):
            a, b = getattr(wanted, field.name), getattr(found, field.name)
            if field.name == "quaternions":
                a, b = a * np.sign(a[:, 3:]), b * np.sign(b[:, 3:])  # q and -q are one rotation
            if isinstance(a, np.ndarray) and a.dtype == np.float32:
                np.testing.assert_allclose(b, a, atol=2e-6, err_msg=field.name)
            else:
                assert np.array_equal(a, b), field.name


@pytest.mark.parametrize("codec", ["h264"])
def test_episodes_share_a_video_and_come_back_frame_by_frame(codec, tmp_path):
    """Flat images of one grey value per frame: each must come back in its place."""
    base = make_trajectory(0, steps=7)
    levels = [np.arange(7) * 10 + 20 * episode for episode in range(3)]
    grey = [np.broadcast_to(row[:, None, None, None], base.images_wrist.shape).astype(np.uint8) for row in levels]
    episodes = [_with_images(base, images) for images in grey]
    write_trajectories(tmp_path / "grey.hdf5", episodes)
    to_lerobot(ToLeRobotSettings(data=(tmp_path / "grey.hdf5",), out=tmp_path / "set", images=codec))
    assert len(list((tmp_path / "set/videos" / layout.WRIST).glob("*/*.mp4"))) == 1
    from_lerobot(FromLeRobotSettings(root=tmp_path / "set", out=tmp_path / "back"))
    found = [
        t.images_wrist.mean(axis=(1, 2, 3)) for t in read_trajectories(demonstration_files([tmp_path / "back"])[0])
    ]
    np.testing.assert_allclose(np.stack(found), np.stack(levels), atol=3)


def _with_images(trajectory, images):
    values = {field.name: getattr(trajectory, field.name) for field in fields(trajectory)}
    return type(trajectory)(**{**values, "images_agentview": images, "images_wrist": images})


def test_a_dataset_without_labels_is_labelled_by_what_the_gripper_held(tmp_path, data):
    import pyarrow.parquet as pq

    root = tmp_path / "foreign"
    to_lerobot(ToLeRobotSettings(data=(_pick(tmp_path),), out=root, images="png"))
    info = json.loads((root / layout.INFO).read_text())
    gone = [name for name in info["features"] if name.startswith("label.")]
    info["features"] = {name: feature for name, feature in info["features"].items() if name not in gone}
    (root / layout.INFO).write_text(json.dumps(info))
    for path in (root / "data").glob("*/*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(gone), path)
    counts = from_lerobot(FromLeRobotSettings(root=root, out=tmp_path / "out", known="milk,bin"))
    assert (counts["written"], counts["left_out"]) == (1, {"no_grasp": 1})
    (found,) = read_trajectories(demonstration_files([tmp_path / "out"])[0])
    assert found.objects == ("milk", "bin") and found.grasped[:, 0].any() and not found.grasped[:, 1].any()


def _pick(folder: Path) -> Path:
    """Two episodes: the tool goes down, holds something, carries it and lets go; and one that never grips."""
    steps = 40
    base = make_trajectory(0, steps=steps)
    values = {field.name: getattr(base, field.name) for field in fields(base)}
    held = (np.arange(steps) >= 12) & (np.arange(steps) < 32)
    openings = np.where(held, 0.4, 1.0)
    openings[12:15] = [1.0, 0.7, 0.45]
    actions = np.tile([0.1, 0, 0, 0, 0, 0, -1.0], (steps, 1))
    actions[held, 6] = 1.0
    picks = {"openings": openings, "executed_actions": actions, "expert_actions": actions}
    never = {"openings": np.ones(steps), "executed_actions": np.tile([0.1, 0, 0, 0, 0, 0, -1.0], (steps, 1))}
    spoken = {"instruction": "pick up the milk and place it in the bin"}
    write_trajectories(
        folder / "pick.hdf5", [type(base)(**{**values, **spoken, **change}) for change in (picks, never)]
    )
    return folder / "pick.hdf5"


def test_bad_input_is_named_and_leaves_nothing_behind(data, tmp_path):
    root = tmp_path / "set"
    to_lerobot(ToLeRobotSettings(data=(data,), out=root, images="png"))
    with pytest.raises(ValueError, match="out: expected a folder that is not there yet"):
        to_lerobot(ToLeRobotSettings(data=(data,), out=root))
    with pytest.raises(FileNotFoundError, match=r"expected meta/info.json"):
        from_lerobot(FromLeRobotSettings(root=tmp_path, out=tmp_path / "a"))
    with pytest.raises(LeRobotError, match="expected the feature observation.images.front, found"):
        from_lerobot(FromLeRobotSettings(root=root, out=tmp_path / "a", agentview="observation.images.front"))
    old = tmp_path / "old"
    shutil.copytree(root, old)
    info = json.loads((old / layout.INFO).read_text())
    (old / layout.INFO).write_text(json.dumps({**info, "codebase_version": "v2.1"}))
    with pytest.raises(LeRobotError, match="expected codebase_version v3.0, found v2.1; convert it"):
        from_lerobot(FromLeRobotSettings(root=old, out=tmp_path / "a"))
    (frames,) = (root / "data").glob("*/*.parquet")
    frames.write_bytes(frames.read_bytes()[:1000])
    with pytest.raises(LeRobotError, match="expected a whole parquet file"):
        from_lerobot(FromLeRobotSettings(root=root, out=tmp_path / "a"))
    assert not list(tmp_path.glob("a/*.hdf5")) and not list(tmp_path.glob("a/*partial*"))


with_lerobot = pytest.mark.skipif(
    importlib.util.find_spec("lerobot") is None, reason="the package lerobot is not installed (it asks for older torch)"
)


@with_lerobot
@pytest.mark.parametrize("images", ["png", "h264"])
def test_lerobot_itself_reads_it(data, originals, tmp_path, images):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from inspire_training.lerobot.video import read_video

    to_lerobot(ToLeRobotSettings(data=(data,), out=tmp_path / "set", images=images))
    dataset = LeRobotDataset("inspire/mine", root=tmp_path / "set", video_backend="pyav")
    assert (dataset.num_episodes, dataset.num_frames) == (3, 21)
    item = dataset.hf_dataset[7]
    assert dataset.meta.tasks.iloc[int(item["task_index"])].name == originals[1].instruction
    np.testing.assert_allclose(item["action"].numpy(), originals[1].executed_actions[1], atol=1e-6)
    if images == "png":
        assert dataset[7][layout.AGENTVIEW].shape == (3, 128, 128)
        return
    path = tmp_path / "set" / dataset.meta.get_video_file_path(1, layout.AGENTVIEW)
    begin = dataset.meta.episodes[1][f"videos/{layout.AGENTVIEW}/from_timestamp"]
    found = read_video(path, begin, 7, dataset.fps).astype(int)
    assert np.abs(found.mean(axis=(1, 2)) - originals[1].images_agentview.mean(axis=(1, 2))).max() < 6


@with_lerobot
@pytest.mark.parametrize("videos", [False, True])
def test_what_lerobot_itself_writes_is_read(tmp_path, videos):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    (picked, _) = read_trajectories(_pick(tmp_path))
    kind = "video" if videos else "image"
    camera = {"dtype": kind, "shape": (128, 128, 3), "names": ["height", "width", "channels"]}
    features = {
        "observation.images.front": camera,
        "observation.images.hand": camera,
        "observation.state": {"dtype": "float32", "shape": (7,), "names": None},
        "action": {"dtype": "float32", "shape": (7,), "names": None},
    }
    made = LeRobotDataset.create("someone/theirs", fps=20, root=tmp_path / "set", features=features, use_videos=videos)
    state = np.concatenate([picked.positions, np.zeros((len(picked), 3)), picked.openings[:, None]], axis=1)
    for episode in range(2):
        levels = (np.arange(len(picked)) * 3 + 40 * episode).astype(np.uint8)
        for level, felt, action in zip(levels, state, picked.executed_actions):
            image = np.full((128, 128, 3), level, dtype=np.uint8)
            frame = {"observation.images.front": image, "observation.images.hand": image, "task": picked.instruction}
            made.add_frame({**frame, "observation.state": felt.astype(np.float32), "action": action})
        made.save_episode()
    made.finalize()
    names = {"agentview": "observation.images.front", "wrist": "observation.images.hand", "known": "milk,bin"}
    counts = from_lerobot(FromLeRobotSettings(root=tmp_path / "set", out=tmp_path / "out", **names))
    assert (counts["written"], counts["frames"]) == (2, 2 * len(picked))
    (back,) = demonstration_files([tmp_path / "out"])
    found = list(read_trajectories(back))
    np.testing.assert_allclose(found[1].positions, picked.positions, atol=1e-6)
    np.testing.assert_allclose(found[1].images_wrist.mean(axis=(1, 2, 3)), levels, atol=3)
    assert found[0].grasped[:, 0].any()
