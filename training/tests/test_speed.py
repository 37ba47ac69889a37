"""What measures speed and exactness, on small models: same tokens, sound numbers, a reason for all that cannot run."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from inspire_policy.bundle import find_bundle, load_bundle
from inspire_policy.engines.fixed_rows import FixedRows, row_counts
from inspire_training.bench import recorded
from inspire_training.bundling import cache_length
from inspire_training.checkpoint import load_checkpoint
from inspire_training.policy_torch import TorchPolicy
from inspire_training.settings import ExactnessSettings, GpuBenchSettings
from inspire_training.speed.exactness import exactness
from inspire_training.speed.gpu import bench_gpu
from inspire_training.speed.torch_device import torch_engine

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth
ROOT = Path(__file__).parents[2]


def test_thirty_ticks_of_the_shipped_bundle_are_exact(recording: Path, tmp_path: Path) -> None:
    settings = ExactnessSettings(
        data=(recording,), checkpoint=ROOT / "training/weights/tabletop", ticks=30, every=2, workers=1, out=tmp_path
    )
    found = exactness(settings)
    assert (found["ticks"], found["tokens"], found["different_tokens"]) == (30, 60, 0)
    assert found["decoder_passes_per_tick"] >= 1.0 and found["largest_chunk_difference"] < 0.02
    before = (tmp_path / "files.jsonl").read_text()
    assert exactness(settings) == found, "finished files are not played again"
    assert (tmp_path / "files.jsonl").read_text() == before
    with pytest.raises(ValueError, match="expected 1000 ticks in the recordings, found"):
        exactness(ExactnessSettings(data=(recording,), ticks=1000, out=tmp_path))


def test_padded_rows_are_not_kept_on_a_device() -> None:
    """As compiled for a GPU: fixed row counts over keys and values that stay where they are."""
    checkpoint = load_checkpoint(ROOT / "training/weights/tabletop")
    device = torch_engine(checkpoint, torch.device("cpu"))
    counts = row_counts(cache_length(checkpoint), codes=False)
    fixed, plain = TorchPolicy(checkpoint, FixedRows(device, counts)), TorchPolicy(checkpoint)
    for sample in recorded(load_bundle(find_bundle("tabletop")))[:3]:
        mine, theirs = fixed.tick(sample.job), plain.tick(sample.job)
        assert [a.word for a in mine.answers] == [a.word for a in theirs.answers] == list(sample.words)
        assert mine.decoder_passes == theirs.decoder_passes == 3
        assert abs(mine.rows - theirs.rows).max() < 1e-4


def test_what_a_gpu_has_to_show_runs_small_and_says_what_could_not(tmp_path: Path) -> None:
    bench_gpu(
        GpuBenchSettings(
            preset="minivla-test", out=tmp_path / "out", work=tmp_path / "work", observations=2, rounds=1,
            compile=False, precisions=("fp16",), batch=2, steps=2, readers=1,
        )
    )  # fmt: skip
    with open(tmp_path / "out" / "latency.csv") as file:
        head = [line for line in iter(file.readline, "") if line.startswith("#")]
        file.seek(0)
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert any("copy bandwidth" in line for line in head) and any("# CPU" in line for line in head)
    ticks = {row["peer"]: row for row in rows if row["stage"] == "tick"}
    ran = {name: row for name, row in ticks.items() if row["same_tokens"]}
    assert len(ran) >= 4 and all(0 < float(row["p50_ms"]) <= float(row["p99_ms"]) for row in ran.values())
    assert all(row["same_tokens"] == "2/2" for name, row in ran.items() if "fp32" in name)
    if not torch.cuda.is_available():
        reasons = {name: row["not_run"] for name, row in ticks.items() if row["not_run"]}
        assert "found none" in reasons["this program, tensorrt fp16"]
        assert "CUDAExecutionProvider" in reasons["this program, cuda fp16"]
    with open(tmp_path / "out" / "training.csv") as file:
        (trained,) = csv.DictReader(line for line in file if not line.startswith("#"))
    assert float(trained["tokens_per_second"]) > float(trained["frames_per_second"]) > 0
    assert float(trained["model_flop_utilisation"]) > 0 and 0 <= float(trained["share_waiting_for_data"]) <= 1
