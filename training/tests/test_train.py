"""A run that was cut and resumed is the run that was not cut."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inspire_training.checkpoint import find_checkpoint, load_checkpoint
from inspire_training.settings import TrainSettings
from inspire_training.train import train

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth


def settings(recording: Path, out: Path, **options: object) -> TrainSettings:
    values = {"batch": 4, "warmup": 2, "schedule": "constant", "validation_frames": 8, **options}
    return TrainSettings(data=(recording,), out=out, **values)


def test_resuming_gives_the_same_weights(recording: Path, tmp_path: Path) -> None:
    whole = load_checkpoint(train(settings(recording, tmp_path / "whole", steps=4)))
    train(settings(recording, tmp_path / "cut", steps=2))
    resumed = load_checkpoint(train(settings(recording, tmp_path / "cut", steps=4, resume=True)))
    assert resumed.step == whole.step == 4
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_a_half_written_checkpoint_is_never_used(recording: Path, tmp_path: Path) -> None:
    folder = train(settings(recording, tmp_path / "run", steps=1))
    partial = folder.with_name(".step-0000009.partial.1")
    partial.mkdir()
    (partial / "checkpoint.json").write_text("{")
    assert find_checkpoint(tmp_path / "run") == folder


def test_a_run_starts_from_earlier_weights(recording: Path, tmp_path: Path) -> None:
    first = train(settings(recording, tmp_path / "first", steps=1))
    train(settings(recording, tmp_path / "second", steps=1, init=tmp_path / "first", rate=0.0))
    before, after = (load_checkpoint(p).model.head.state_dict() for p in (first, tmp_path / "second"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(ValueError, match="name the matching settings"):
        train(settings(recording, tmp_path / "third", steps=1, init=tmp_path / "first", questions="none"))
