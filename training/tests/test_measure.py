"""`inspire measure`: which numbers are made of which bundle, and that those of two bundles never mix."""

import json
from pathlib import Path

import pytest

from inspire_training import measure as module
from inspire_training.measure import MeasureSettings, measure, stages


def _names(asks: bool = True, **settings) -> list[str]:
    return [stage.name for stage in stages(MeasureSettings(**settings), asks=asks)]


def test_what_a_bundle_cannot_show_is_left_out() -> None:
    assert _names() == ["splits", "latency", "answers", "probe", "results"]
    assert "answers" not in _names(asks=False) and "latency" not in _names(latency=0.0)
    assert "exactness" in _names(checkpoint=Path("run"), data=(Path("data"),))
    with pytest.raises(ValueError, match="expected both or neither of checkpoint and data"):
        MeasureSettings(checkpoint=Path("run"))


def test_numbers_of_two_bundles_never_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_stages", lambda *_: None)
    measure(MeasureSettings(out=tmp_path))
    measure(MeasureSettings(out=tmp_path))
    claimed = tmp_path / module.BUNDLE_FILE
    claimed.write_text(json.dumps({**json.loads(claimed.read_text()), "weights": "0123456789ab"}))
    with pytest.raises(ValueError, match=r"expected the bundle that .* tabletop \(0123456789ab\), found tabletop"):
        measure(MeasureSettings(out=tmp_path))


@pytest.mark.slow
def test_every_number_of_the_shipped_bundle(tmp_path: Path) -> None:
    measure(MeasureSettings(out=tmp_path, episodes=1, splits="distractors", latency=0.0, workers=1))
    assert list(json.loads((tmp_path / "stages.json").read_text())) == _names(latency=0.0)
    assert "distractors" in (tmp_path / "results.md").read_text()
    answers = json.loads((tmp_path / "answers.json").read_text())
    assert answers["schema_version"] == 1 and json.loads((tmp_path / "probe.json").read_text())["taken"]
