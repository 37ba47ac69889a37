"""The benchmark's peers do the same thing, and its table says what was timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inspire_training.bench import PUBLISHED, bench
from inspire_training.settings import BenchSettings

ROOT = Path(__file__).parents[2]


def test_all_peers_answer_alike_and_are_timed_against_the_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = tmp_path / "bench.json", tmp_path / "bench.csv"
    weights = ROOT / "training/weights/tabletop"
    bench(BenchSettings(checkpoint=weights, rounds=1, compile=False, out=out, csv=table))
    content = json.loads(out.read_text())
    ticks = {row["peer"]: row for row in content["rows"] if row["stage"] == "tick"}
    assert content["ticks"] > 0 and len(ticks) == 6
    assert ticks[PUBLISHED]["times_faster"] == 1.0
    assert "switched off" in ticks["this program, torch.compile"]["not_run"]
    ran = [row for row in ticks.values() if row["count"]]
    assert len(ran) == 4
    for row in ran:
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["same_tokens"] == f"{content['ticks']}/{content['ticks']}"
    stages = {row["stage"] for row in content["rows"] if row["peer"] == PUBLISHED}
    assert stages == {"vision", "prefill", "decode", "rest", "tick"}
    assert "# CPU: " in table.read_text() and "floor of this device,tick" in table.read_text()
    assert PUBLISHED in capsys.readouterr().out
