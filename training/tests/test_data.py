"""Files, frames and batches say what was recorded."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest

from inspire_policy.images import ImageGeometry
from inspire_training.data.frames import expert_chunks, open_frames
from inspire_training.data.hdf5 import TrajectoryWriter, demonstration_files, read_trajectories
from inspire_training.data.trajectory import Trajectory
from inspire_training.model.presets import PRESETS


def test_a_file_gives_back_what_was_written(recording: Path, trajectories: list[Trajectory]) -> None:
    found = list(read_trajectories(recording))
    assert len(found) == len(trajectories)
    for before, after in zip(trajectories, found):
        for field in dataclasses.fields(Trajectory):
            expected, value = getattr(before, field.name), getattr(after, field.name)
            if field.name == "quaternions":
                expected = expected * np.sign(expected[:, 3:])  # q and -q are one rotation
            if isinstance(expected, np.ndarray):
                np.testing.assert_allclose(value, expected, atol=1e-6, err_msg=field.name)
            else:
                assert value == expected


def test_images_lie_bottom_up_in_the_file(recording: Path, trajectories: list[Trajectory]) -> None:
    with h5py.File(recording, "r") as file:
        np.testing.assert_array_equal(
            file["data/demo_0/obs/agentview_rgb"][3][::-1], trajectories[0].images_agentview[3]
        )
        assert file["data/demo_0/actions"].shape == (12, 7)
        assert "put the milk in the bin" in file["data/demo_0"].attrs["problem_info"]


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, trajectories: list[Trajectory]) -> None:
    with pytest.raises(RuntimeError), TrajectoryWriter(tmp_path / "cut.hdf5") as writer:
        writer.add(trajectories[0])
        raise RuntimeError("cut")
    assert list(tmp_path.iterdir()) == []


def test_wrong_shapes_and_files_are_named(tmp_path: Path, trajectories: list[Trajectory]) -> None:
    with pytest.raises(ValueError, match=r"expected openings of shape \(12,\), found \(11,\)"):
        dataclasses.replace(trajectories[0], openings=np.zeros(11))
    with pytest.raises(FileNotFoundError, match="inspire demos"):
        demonstration_files([tmp_path])
    (tmp_path / "broken.hdf5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="expected an HDF5 file"):
        list(read_trajectories(tmp_path / "broken.hdf5"))


def test_chunks_are_the_experts_future_then_a_hold() -> None:
    actions = np.zeros((3, 7))
    actions[:, 0], actions[:, 6] = [0.1, 0.2, 3.0], [-1, -1, 1]
    chunks = expert_chunks(actions, 4)
    np.testing.assert_allclose(chunks[0, :, 0], [0.1, 0.2, 1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(chunks[0, :, 6], [1, 1, 0, 0])
    np.testing.assert_allclose(chunks[2, :, 6], 0)


def test_frames_are_the_runtimes_images(recording: Path, trajectories: list[Trajectory]) -> None:
    config = PRESETS["tabletop"]
    store = open_frames(recording, config.cameras, config.chunk_length)
    # The last frames of an episode that was cut short have no known future.
    kept = [len(t) if t.success else len(t) - config.chunk_length + 1 for t in trajectories]
    assert 0 < kept[1] < len(trajectories[1]) and len(store) == sum(kept)
    camera = config.cameras[1]
    expected = ImageGeometry(camera.width, camera.height).apply(trajectories[2].images_wrist[5])
    np.testing.assert_array_equal(store.images[1][sum(kept[:2]) + 5], expected)
    again = open_frames(recording, config.cameras, config.chunk_length)
    np.testing.assert_array_equal(again.chunks, store.chunks)
