"""Tiny recordings and settings for the training tests."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from inspire_policy.directions import direction_axis
from inspire_training.data.hdf5 import write_trajectories
from inspire_training.data.trajectory import Trajectory

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)


def make_trajectory(seed: int, steps: int = 12) -> Trajectory:
    """Random images; numbers that a model could learn from proprioception."""
    rng = np.random.default_rng(seed)
    name = ("milk", "can")[seed % 2]
    instruction = f"pick up the {name} and place it in the bin" if seed % 3 else f"put the {name} in the bin"
    positions = rng.normal(size=(steps, 3)) * 0.1
    offsets = np.stack([-positions, 0.3 - positions], axis=1)
    actions = np.concatenate(
        [np.clip(-positions * 5, -1, 1), np.zeros((steps, 3)), np.sign(rng.normal(size=(steps, 1)))], axis=1
    )
    quaternions = rng.normal(size=(steps, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return Trajectory(
        instruction=instruction,
        objects=(name, "bin"),
        images_agentview=rng.integers(0, 256, (steps, 128, 128, 3), dtype=np.uint8),
        images_wrist=rng.integers(0, 256, (steps, 128, 128, 3), dtype=np.uint8),
        positions=positions,
        quaternions=quaternions,
        openings=rng.uniform(size=steps),
        executed_actions=actions,
        expert_actions=actions,
        directions=np.array([[direction_axis(o, False) for o in row] for row in offsets]),
        offsets=offsets,
        grasped=np.zeros((steps, 2), dtype=bool),
        success=seed % 2 == 0,
        seed=seed,
        task=f"{name}_bin",
    )


@pytest.fixture(scope="session")
def trajectories() -> list[Trajectory]:
    return [make_trajectory(seed) for seed in range(6)]


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory, trajectories: list[Trajectory]) -> Path:
    path = tmp_path_factory.mktemp("data") / "tiny.hdf5"
    write_trajectories(path, trajectories)
    return path
