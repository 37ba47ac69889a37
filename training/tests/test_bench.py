"""The benchmark's peers do the same thing, and its table says what was timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inspire_training.bench import PUBLISHED, bench
from inspire_training.settings import BenchSettings

ROOT = Path(__file__).parents[2]


def test_all_peers_answer_alike_and_are_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.json"
    bench(BenchSettings(checkpoint=ROOT / "training/weights/tabletop", rounds=1, out=out))
    content = json.loads(out.read_text())
    assert content["ticks"] > 0 and len(content["peers"]) == 4
    assert content["peers"][PUBLISHED]["times_faster"] == 1.0
    assert all(0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] for row in content["peers"].values())
    assert PUBLISHED in capsys.readouterr().out
