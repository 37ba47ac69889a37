"""`inspire evaluate`: what it counts, how it goes on where it stopped, what it refuses."""

import json

import pytest

from inspire_sim.results import UNSEEN_SEEDS, EpisodeResult
from inspire_training.evaluate import main
from inspire_training.evaluation.folder import EPISODES_FILE, RESULT_FILE, SETTINGS_FILE, weights_of


def episode(seed, success):
    return EpisodeResult(
        seed=seed, split="unseen_positions", task="milk_bin", instruction="milk in bin", objects=("milk", "bin"),
        success=success, failure="" if success else "timeout", reason="", steps=90, max_steps=240, wall_s=4.5,
    )  # fmt: skip


@pytest.fixture
def finished(tmp_path):
    """A folder with four finished episodes, three of them successes, and one line that a crash cut off."""
    lines = [episode(UNSEEN_SEEDS + 5 + i, i != 2).to_json() for i in range(4)]
    (tmp_path / EPISODES_FILE).write_text("\n".join([*lines, lines[0][:50]]))
    return tmp_path


def test_a_complete_evaluation_is_only_counted(finished, capsys):
    assert main(["--episodes", "4", "--seed", "5", "--videos", "none", "--out", str(finished)]) == 0
    result = json.loads((finished / RESULT_FILE).read_text())
    assert (result["successes"], result["trials"], result["success_rate"]) == (3, 4, 0.75)
    assert result["schema_version"] == 1
    assert result["first_seed"] == UNSEEN_SEEDS + 5
    assert result["settings"]["split"] == "unseen_positions"
    assert [e["success"] for e in result["episodes"]] == [True, True, False, True]
    assert "success 3/4 = 0.750" in capsys.readouterr().out
    assert len((finished / EPISODES_FILE).read_text().splitlines()) == 4


def test_a_folder_of_other_settings_is_refused(finished, capsys):
    assert main(["--episodes", "4", "--seed", "5", "--videos", "none", "--out", str(finished)]) == 0
    assert main(["--episodes", "4", "--seed", "5", "--commander", "expert", "--out", str(finished)]) == 2
    assert "commander 'expert', found one with 'policy'" in capsys.readouterr().err


def test_another_bundle_of_the_same_name_does_not_go_on(finished, capsys):
    assert main(["--episodes", "4", "--seed", "5", "--videos", "none", "--out", str(finished)]) == 0
    settings = json.loads((finished / SETTINGS_FILE).read_text())
    assert settings["weights"] == weights_of("tabletop")
    (finished / SETTINGS_FILE).write_text(json.dumps(settings | {"weights": "0123456789ab"}))
    assert main(["--episodes", "5", "--seed", "5", "--videos", "none", "--out", str(finished)]) == 2
    assert "found one with '0123456789ab'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--world", "moon"], "world: expected one of tabletop"),
        (["--bundle", "nowhere"], "bundle: expected"),
        (["--episodes", "0"], "expected episodes and workers >= 1"),
        (["--no-through-ros"], "through_ros: expected true"),
        (["--split", "unseen_positions,mars"], "split: expected all or some of train, unseen_positions"),
        (["--split", ","], "split: expected all or some of"),
        (["--split", "all", "--world", "libero_object"], "split: expected one split in libero_object, found 'all'"),
    ],
)
def test_bad_input_is_code_2_and_one_line(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.strip().splitlines()) == 1
    assert not (tmp_path / RESULT_FILE).exists()
