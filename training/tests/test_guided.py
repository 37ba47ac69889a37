"""The ladder of spatially guided training: its stages in order, and one change at a time between its rungs."""

from pathlib import Path

import pytest

from inspire_training import recipe
from inspire_training.guided.rungs import RUNGS, GuidedSettings
from inspire_training.guided.stages import stages
from inspire_training.guided.training import train_settings
from inspire_training.settings import TrainSettings

WHERE = {"out", "resume"}


def changes(one: str, other: str) -> set[str]:
    """What differs between the trainings of two rungs."""
    s = GuidedSettings()
    before, after = train_settings(s, one), train_settings(s, other)
    return {key for key in before if before[key] != after[key]} - WHERE


def test_each_rung_changes_what_it_says_and_nothing_else() -> None:
    assert changes("vanilla", "cotraining") == {"grounding"}
    assert changes("cotraining", "prompt") == {"dit"}
    assert changes("prompt", "stage1") == {"init", "rates"}
    assert changes("stage1", "question") == {"questions"}
    for control in ("padding", "closed", "open"):
        assert changes("stage1", control) == {"dit"}


@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_is_a_training_that_is_not_refused(name: str) -> None:
    settings = TrainSettings(**train_settings(GuidedSettings(), name))
    assert settings.dit.bridge == RUNGS[name].bridge and bool(settings.grounding.data) == RUNGS[name].cotraining


def test_data_and_stage_1_come_first_and_results_last() -> None:
    listed = [stage.name for stage in stages(GuidedSettings(rungs=("vanilla", "question")))]
    assert len(set(listed)) == len(listed)
    assert listed[0] == "demos" and listed[-3:] == ["question_dual", "attention", "pages"] and "final" not in listed
    assert listed.index("dagger") < listed.index("stage1") < listed.index("vanilla") < listed.index("question")
    assert "vanilla_asked" not in listed and {"question_asked", "question_probed", "vanilla_probed"} <= set(listed)


def test_an_unknown_rung_is_refused_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        recipe.main(["guided", "--rungs", "loft", "--out", str(tmp_path / "run")])
    said = capsys.readouterr().err
    assert "rungs: expected some of vanilla" in said and "loft" in said
    assert not (tmp_path / "run").exists()
