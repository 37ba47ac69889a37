"""Weights in half precision: half the size, the same policy to within their rounding, ready to train on from."""

from pathlib import Path

import torch

from inspire_training.checkpoint import load_checkpoint, save_weights
from inspire_training.data.frames import open_frames
from inspire_training.model.presets import PRESETS
from inspire_training.settings import TrainSettings
from inspire_training.start import starting_point


def test_half_precision_weights_are_the_policy_to_train_on_from(recording: Path, tmp_path: Path) -> None:
    config = PRESETS["tabletop"]
    store = open_frames(recording, config.cameras, config.chunk_length)
    start = starting_point(TrainSettings(data=(recording,), out=tmp_path / "run"), [store])
    folder = save_weights(tmp_path / "weights", start)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 10e6
    again = starting_point(TrainSettings(data=(recording,), out=tmp_path / "run", init=folder), [store])
    assert load_checkpoint(folder).known_objects == start.known_objects
    kept = dict(again.model.named_parameters())
    for name, value in start.model.named_parameters():
        assert kept[name].dtype == torch.float32
        torch.testing.assert_close(kept[name], value, rtol=1e-3, atol=1e-4)
