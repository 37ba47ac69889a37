"""An expert's bundle samples in ONNX Runtime what torch samples, and builds ahead of time for TensorRT."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from test_expert import PRESET, SMALL

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.parity import warm_up
from inspire_policy.programs.base import Job, graph_files, make_program
from inspire_training import export as exporting
from inspire_training.checkpoint import load_checkpoint
from inspire_training.expert.config import ExpertConfig
from inspire_training.model.presets import PRESETS
from inspire_training.policy_torch import torch_policy
from inspire_training.settings import ExportSettings, TrainSettings
from inspire_training.train import train

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth
KINDS = {
    "flow": ExpertConfig(**SMALL),
    "ddpm": ExpertConfig(
        **SMALL, objective="ddpm", steps=6, guidance=1.5, chunk_length=16, language_layers=(0, -1), answers=1.0
    ),
}


@pytest.fixture(scope="module", params=list(KINDS))
def exported(
    request: pytest.FixtureRequest, recording: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A run and its bundle."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, PRESET.preset, PRESET)
        run = train(
            TrainSettings(
                data=(recording,), out=folder / "run", preset=PRESET.preset, expert="dit", dit=KINDS[request.param],
                batch=4, steps=3, warmup=0, validation_frames=4,
            )
        )  # fmt: skip
    exporting.export(ExportSettings(checkpoint=run, out=folder / "bundle", frames=recording, parity_frames=6))
    return run, folder / "bundle"


def test_the_bundle_runs_and_agrees_with_torch(exported: tuple[Path, Path], trajectories: list) -> None:
    run, folder = exported
    bundle, checkpoint = load_bundle(folder), load_checkpoint(run)
    expert = checkpoint.config.expert
    manifest = bundle.manifest
    assert manifest.program.kind == "expert" and manifest.expert.template == expert.template
    assert "bounding boxes" in expert.template and manifest.expert.layers == len(expert.language_layers)
    program = make_program(bundle, make_engine("onnxruntime", graph_files(bundle)))
    assert warm_up(bundle, program) == 6
    eager, seen = torch_policy(checkpoint), trajectories[1]

    for objects in ((), seen.objects):  # latent, explicit
        for policy in (program, eager):
            policy.set_pace(2)
        for step in range(4):
            found, expected = (
                policy.tick(Job(seen.observation(step), seen.instruction, objects)) for policy in (program, eager)
            )
            assert found.decoder_passes == expected.decoder_passes and bool(found.decoder_passes) == (step % 2 == 0)
            assert found.rows.shape == (expert.chunk_length, 7)
            np.testing.assert_allclose(found.rows, expected.rows, atol=1e-3)
    again = program.tick(Job(seen.observation(3), seen.instruction, seen.objects, run=1))
    assert again.decoder_passes and np.isfinite(again.rows).all()


def test_tensorrt_builds_every_graph(exported: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed (requirements/tensorrt.txt has it)")
    from inspire_policy.engines.tensorrt.build import build_engines
    from inspire_policy.engines.tensorrt.store import read_record

    copy = load_bundle(shutil.copytree(exported[1], tmp_path / "tiny"))
    folder = build_engines(copy, target="rtx", device="sm_89", say=lambda line: None)
    graphs = set(read_record(folder).graphs)
    assert {"perception", "expert"} < graphs and len([g for g in graphs if g.startswith("decoder_")]) == 2
