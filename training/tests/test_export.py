"""What is exported says what was trained, or is not written."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspire_policy.bundle import load_bundle
from inspire_policy.codecs.residual_vq import ResidualVQCodec
from inspire_policy.engines.protocol import make_engine
from inspire_policy.observations import PolicyObservation
from inspire_policy.parity import ParitySample, warm_up
from inspire_policy.programs.base import Job, graph_files, make_program
from inspire_training import export as exporting
from inspire_training.codecs.residual_vq import fit_chunks
from inspire_training.settings import CodecSettings, ExportSettings, TrainSettings
from inspire_training.train import train

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth


@pytest.fixture(scope="module")
def run(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    return train(TrainSettings(data=(recording,), out=out, batch=4, steps=2, validation_frames=4))


@pytest.fixture(scope="module")
def bundle(run: Path, recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "tiny"
    exporting.export(ExportSettings(checkpoint=run, out=out, frames=recording, parity_frames=10))
    return out


def test_the_bundle_runs_and_agrees_with_torch(bundle: Path) -> None:
    loaded = load_bundle(bundle)
    program = make_program(loaded, make_engine("onnxruntime", graph_files(loaded)))
    assert warm_up(loaded, program) == 8
    images = {name: np.zeros((128, 128, 3), np.uint8) for name in loaded.manifest.cameras}
    seen = PolicyObservation(images, np.zeros(3), np.array([1.0, 0, 0, 0]), 1.0)
    tick = program.tick(Job(seen, "put the milk in the bin", ("milk", "bin")))
    assert tick.rows.shape == (8, 7) and tick.vision_passes == 1 and tick.decoder_passes == 3
    assert sum(record.bytes for record in loaded.manifest.files.values()) < 25e6
    assert loaded.manifest.parity["frames"] == 10
    assert loaded.manifest.name in (bundle / "CARD.md").read_text()


def test_tensorrt_builds_every_graph_that_is_exported(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed (requirements/tensorrt.txt has it)")
    from inspire_policy.engines.tensorrt.build import build_engines
    from inspire_policy.engines.tensorrt.store import read_record

    copy = load_bundle(shutil.copytree(bundle, tmp_path / "tiny"))
    folder = build_engines(copy, target="rtx", device="sm_89", say=lambda line: None)
    assert set(read_record(folder).graphs) == {"perception", "decoder_48", "decoder_144", "head"}


def test_a_bundle_that_disagrees_is_refused(
    run: Path, bundle: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graphs are the good bundle's own; what torch is said to have answered is off by a hundredth."""
    honest = exporting.torch_samples

    def shifted(*arguments: Any) -> list[ParitySample]:
        return [dataclasses.replace(s, rows=s.rows + 0.01) for s in honest(*arguments)]

    monkeypatch.setattr(exporting, "torch_samples", shifted)
    monkeypatch.setattr(exporting, "export_graphs", lambda *_, **__: {p.name: p for p in bundle.glob("*.onnx")})
    with pytest.raises(exporting.ParityError, match="nothing was written"):
        exporting.export(ExportSettings(checkpoint=run, out=tmp_path / "out", frames=recording, parity_frames=2))
    assert list(tmp_path.iterdir()) == []


def test_residual_vq_learns_chunks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    line = rng.uniform(-1, 1, (2000, 1, 3)) * np.linspace(1, 0.2, 8)[:, None]
    chunks = np.concatenate(
        [line, np.zeros((2000, 8, 3)), rng.integers(0, 2, (2000, 1, 1)).repeat(8, 1)], axis=2
    ).astype(np.float32)
    settings = CodecSettings(
        data=(), out=tmp_path / "codec.npz", quantizers=3, codes=32, width=16, hidden=64, steps=600, batch=256
    )
    codec = fit_chunks(chunks, settings)
    with np.load(settings.out) as file:
        again = ResidualVQCodec(8, {name: file[name] for name in file.files})
    errors = [np.abs(codec.decode(codec.encode(c))[:, :3] - c[:, :3]).mean() for c in chunks[:100]]
    assert np.mean(errors) < 0.5 * np.abs(chunks[:100, :, :3]).mean()
    np.testing.assert_array_equal(again.encode(chunks[0]), codec.encode(chunks[0]))
