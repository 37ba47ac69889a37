"""Collection: disturbed demonstrations with clean labels, in shards that are complete or absent."""

from functools import partial

import numpy as np
import pytest

from inspire_training import collect
from inspire_training.data.hdf5 import read_trajectories
from inspire_training.disturbance import Disturbance, Wander
from inspire_training.settings import DemosSettings


def test_a_disturbance_moves_the_arm_but_not_the_gripper():
    disturbance = Disturbance(np.random.default_rng(0), strength=0.35, push_rate=0.2)
    action = np.array([0.9, -0.9, 0.0, 0.0, 0.0, 0.0, -1.0])
    disturbed = np.stack([disturbance.apply(action) for _ in range(200)])
    assert (np.abs(disturbed[:, :6]) <= 1.0).all() and (disturbed[:, 6] == -1.0).all()
    assert disturbed[:, :3].std(axis=0).min() > 0.02


def test_a_wander_ends_and_leaves_the_rest_of_the_action_alone():
    wander = Wander(np.random.default_rng(1), longest=12)
    action = np.arange(7) / 10.0
    applied = [wander.apply(action) for _ in range(14)]
    assert all((a[3:] == action[3:]).all() for a in applied)
    assert (applied[-1] == action).all() and (Wander(np.random.default_rng(1), longest=0).apply(action) == action).all()
    assert any((a[:3] != action[:3]).any() for a in applied)


def test_a_hand_goes_astray_once_more_when_it_holds_something_and_not_down():
    action = np.zeros(7)
    for seed in range(30):
        wander = Wander(np.random.default_rng(seed), longest=0, carrying=12)
        assert not wander.apply(action).any()
        applied = np.stack([wander.apply(action, holding=True) for _ in range(30)])
        astray = np.abs(applied[:, :3]).max(axis=1) > 0
        assert astray.sum() <= 12 and not astray[astray.sum() :].any()  # at once, and never again
        assert (applied[:, 2] >= 0).all()


def test_seeds_of_evaluation_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected training seeds below 500000"):
        collect.demos(DemosSettings(out=tmp_path, episodes=10, seed=499_995))


def test_a_shard_is_recorded_once_and_holds_labelled_frames(tmp_path, monkeypatch):
    pytest.importorskip("h5py", reason="needs the training extra")
    monkeypatch.setattr(collect, "SHARD", 1)
    monkeypatch.setattr(collect, "_worlds", {})
    settings = DemosSettings(out=tmp_path, episodes=1, seed=3, tasks=("bread_bin",), workers=1)
    job = partial(collect._record_demos, settings)
    successes, frames = job(collect.Shard(tmp_path / "part-000003.hdf5", range(3, 4), "bread_bin"))
    (trajectory,) = read_trajectories(tmp_path / "part-000003.hdf5")
    assert len(trajectory) == frames and trajectory.success == bool(successes)
    assert trajectory.objects == ("bread", "bin") and trajectory.on_policy
    assert np.abs(trajectory.executed_actions[:, :6] - trajectory.expert_actions[:, :6]).max() > 0.01
    assert trajectory.images_wrist[0].std() > 5  # a picture, not a blank
    written = (tmp_path / "part-000003.hdf5").stat().st_mtime_ns
    collect.collect_shards(settings, job)  # nothing is missing: nothing is recorded
    assert (tmp_path / "part-000003.hdf5").stat().st_mtime_ns == written
