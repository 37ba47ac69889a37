"""`inspire evaluate --split all`: one folder per split, the same seeds, going on where it stopped; videos of failures.

Stacks are replaced by the lines that they would print; what a real one prints is tested with the closed loops.
"""

import json

import pytest

from inspire_sim.results import UNSEEN_SEEDS, EpisodeResult
from inspire_sim.worlds.tabletop_tasks import SPLITS
from inspire_training.evaluate import main
from inspire_training.evaluation.folder import EPISODES_FILE, RESULT_FILE
from inspire_training.evaluation.stacks import Stacks

HELD_OUT = [split for split in SPLITS if split != "train"]
FAILING = UNSEEN_SEEDS + 1


def episode(seed, split, steps=90):
    success = seed != FAILING
    return EpisodeResult(
        seed=seed, split=split, task="milk_bin", instruction="milk in bin", objects=("milk", "bin"), success=success,
        failure="" if success else "timeout", reason="", steps=steps, max_steps=240, wall_s=4.5, compared=10, right=9,
        ties=1, directions={"left": (8, 8), "up": (2, 1)}, confusions={"up>down": 1}, target_start=(0.5, -0.1),
    )  # fmt: skip


class PrintedStacks:
    """Prints a success for every seed but one; remembers what was asked of it; can be interrupted."""

    def __init__(self):
        self.asked = []
        self.videos = []
        self.interrupt_at = None
        self.steps_with_recorder = 90

    def run(self, stacks, module, arguments, log, on_line=lambda line: None):
        if module == "inspire_bringup.video":
            recording, _, video = arguments
            with open(recording) as source, open(video, "w") as target:
                target.write(source.read())
            return 0, ""
        option = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        seeds, split = [int(seed) for seed in option["--seeds"].split(",")], option["--split"]
        recorded = "--record" in option
        (self.videos if recorded else self.asked).append((split, seeds))
        for seed in seeds:
            if (split, seed) == self.interrupt_at:
                raise KeyboardInterrupt
            on_line(episode(seed, split, self.steps_with_recorder if recorded else 90).to_json() + "\n")
        if recorded:
            with open(option["--record"], "w") as stream:
                stream.write(f"{split} {seeds}")
        return int(FAILING in seeds), "exit code 1"


@pytest.fixture
def printed(monkeypatch):
    stacks = PrintedStacks()
    monkeypatch.setattr(Stacks, "run", lambda self, *arguments: stacks.run(self, *arguments))
    return stacks


def call(out, *arguments):
    return main(["--episodes", "4", "--out", str(out), *arguments])


def test_all_splits_have_the_same_seeds_and_one_result(printed, tmp_path, capsys):
    assert call(tmp_path, "--split", "all") == 0
    result = json.loads((tmp_path / RESULT_FILE).read_text())
    assert list(result["splits"]) == HELD_OUT
    assert (result["schema_version"], result["success"], result["first_seed"]) == (1, False, UNSEEN_SEEDS)
    seeds = list(range(UNSEEN_SEEDS, UNSEEN_SEEDS + 4))
    assert printed.asked == [(split, seeds) for split in HELD_OUT]
    for split in HELD_OUT:
        part = result["splits"][split]
        assert (part["successes"], part["trials"]) == (3, 4)
        assert part["wilson95"] == pytest.approx((0.3006, 0.9544), abs=1e-3)
        assert part["direction_accuracy"] == pytest.approx(0.9)
        assert part["direction_accuracy_macro"] == pytest.approx(0.75)
        single = json.loads((tmp_path / split / RESULT_FILE).read_text())
        assert [e["seed"] for e in single["episodes"]] == seeds
        assert single["settings"]["split"] == split
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "3/4" in line]
    assert [row[:4] for row in rows[-7:]] == [[split, "3/4", "75", "%"] for split in HELD_OUT]


def test_an_interrupted_evaluation_goes_on_within_its_split(printed, tmp_path):
    printed.interrupt_at = ("distractors", UNSEEN_SEEDS + 2)
    with pytest.raises(KeyboardInterrupt):
        call(tmp_path, "--split", "light_shift,distractors")
    assert not (tmp_path / RESULT_FILE).exists()
    with open(tmp_path / "distractors" / EPISODES_FILE, "a") as stream:
        stream.write(episode(UNSEEN_SEEDS + 2, "distractors").to_json()[:60])  # cut off by the crash
    printed.interrupt_at, printed.asked = None, []
    assert call(tmp_path, "--split", "light_shift,distractors") == 0
    assert printed.asked == [("distractors", [UNSEEN_SEEDS + 2, UNSEEN_SEEDS + 3])]
    assert list(json.loads((tmp_path / RESULT_FILE).read_text())["splits"]) == ["light_shift", "distractors"]


def test_workers_share_the_seeds_of_a_split(printed, tmp_path):
    assert call(tmp_path, "--split", "distractors,light_shift", "--workers", "2", "--videos", "none") == 0
    assert sorted(seed for split, seeds in printed.asked for seed in seeds if split == "distractors") == [
        UNSEEN_SEEDS + i for i in range(4)
    ]
    assert sorted(split for split, _ in printed.asked) == ["distractors"] * 2 + ["light_shift"] * 2


def test_one_split_and_several_never_share_a_folder(printed, tmp_path, capsys):
    assert call(tmp_path / "one", "--split", "distractors") == 0
    assert call(tmp_path / "one", "--split", "all") == 2
    assert "expected a folder of an evaluation with split 'several', found one with 'distractors'" in (
        capsys.readouterr().err
    )
    assert call(tmp_path / "many", "--split", "distractors,light_shift") == 0
    assert call(tmp_path / "many", "--split", "distractors") == 2
    assert "with split 'distractors', found one with 'several'" in capsys.readouterr().err


def test_failures_are_run_again_for_a_video_once(printed, tmp_path, capsys):
    assert call(tmp_path, "--split", "distractors,light_shift") == 0
    for split in ("distractors", "light_shift"):
        videos = sorted(path.name for path in (tmp_path / split / "failures").iterdir())
        assert videos == [f"seed_{FAILING}.mp4"]
    assert printed.videos == [("distractors", [FAILING]), ("light_shift", [FAILING])]
    assert "warning" not in capsys.readouterr().err
    assert call(tmp_path, "--split", "distractors,light_shift") == 0
    assert len(printed.videos) == 2


def test_videos_of_none_and_of_all(printed, tmp_path):
    assert call(tmp_path, "--split", "distractors", "--videos", "none") == 0
    assert printed.videos == []
    assert call(tmp_path, "--split", "distractors", "--videos", "all") == 0
    assert sorted(path.name for path in tmp_path.glob("*/*.mp4")) == [f"seed_{UNSEEN_SEEDS + i}.mp4" for i in range(4)]
    assert (tmp_path / "failures" / f"seed_{FAILING}.mp4").exists()


def test_a_video_that_turned_out_otherwise_is_pointed_out(printed, tmp_path, capsys):
    printed.steps_with_recorder = 91
    assert call(tmp_path, "--split", "distractors") == 0
    errors = capsys.readouterr().err
    assert "expected the episode of the evaluation (timeout after 90 steps), found timeout after 91 steps" in errors


def test_a_video_that_cannot_be_made_costs_no_number(printed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        Stacks,
        "run",
        lambda self, module, *rest: (
            (2, "video: expected images; see the log") if module.endswith("video") else printed.run(self, module, *rest)
        ),
    )
    assert call(tmp_path, "--split", "distractors") == 0
    assert (tmp_path / RESULT_FILE).exists()
    assert f"warning: no video of seed {FAILING}: video: expected images" in capsys.readouterr().err
