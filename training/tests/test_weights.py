"""Weights in half precision: half the size, the same policy to within their rounding, ready to train on from."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from inspire_training.checkpoint import load_checkpoint, save_weights
from inspire_training.data.frames import open_frames
from inspire_training.model.presets import PRESETS
from inspire_training.settings import TrainSettings
from inspire_training.start import starting_point

FORMER = {
    "perception.vision.instruction.": "instruction.",
    "perception.vision.towers.": "towers.",
    "perception.proprioception.mlp.": "proprioception.",
    "perception.proprioception.": "proprioception_",
    "perception.places": "places",
}


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


def test_checkpoints_from_before_perception_was_a_part_still_load(tmp_path: Path) -> None:
    """The shipped weights under the former names are the same policy, with its fields of today or without."""
    shipped = Path(__file__).parents[1] / "weights/tabletop"
    former = shutil.copytree(shipped, tmp_path / "former")
    names = {}
    for name, value in load_file(shipped / "model.safetensors").items():
        for today, before in FORMER.items():
            if name.startswith(today):
                name = before + name.removeprefix(today)
                break
        names[name] = value
    assert {"places", "towers.0.stem.0.weight", "proprioception_mean", "proprioception.0.weight"} <= set(names)
    save_file(names, former / "model.safetensors")
    again, today = load_checkpoint(former).model.state_dict(), load_checkpoint(shipped).model.state_dict()
    assert all(torch.equal(again[name], value) for name, value in today.items())
