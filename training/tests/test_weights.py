"""Weights in half precision: half the size, the same policy to within their rounding, ready to train on from."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

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


def test_checkpoints_from_before_perception_was_a_part_still_load() -> None:
    """The shipped weights have the former names; the numbers are those of the code that trained them."""
    shipped = load_checkpoint(Path(__file__).parents[1] / "weights/tabletop")
    names = load_file(Path(__file__).parents[1] / "weights/tabletop/model.safetensors")
    assert "places" in names and "towers.0.stem.0.weight" in names
    model = shipped.model
    assert torch.equal(model.perception.places, names["places"].float())
    image = (torch.arange(96 * 96 * 3).reshape(1, 96, 96, 3) % 251).to(torch.uint8)
    with torch.no_grad():
        seen = model.perceive(
            [image, image.flip(1)], torch.linspace(-0.5, 0.5, 10)[None], torch.arange(1, 33)[None] % 9
        )
        rows = model.backbone(seen, torch.arange(seen.shape[1])[None], torch.zeros(1, 1, *[seen.shape[1]] * 2))
        chunk = model.head(rows[:, -8:])
    found = [seen.double().abs().sum().item(), chunk.double().abs().sum().item()]
    assert found == pytest.approx([11694.6889, 12.4530], rel=1e-4)
