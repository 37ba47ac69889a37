"""`inspire compare` and `inspire results` on made-up evaluations: numbers, refusals, the page and its pictures."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from inspire_sim.results import EpisodeResult, summary
from inspire_training import compare, results
from inspire_training.evaluation.page import BEGIN, END, insert_section
from inspire_training.evaluation.paired import Paired
from inspire_training.evaluation.saved import SavedError
from inspire_training.evaluation.splits import several

SETTINGS = {"bundle": "tabletop", "world": "tabletop", "mode": "lockstep", "commander": "policy", "split": "",
            "task": "", "instruction": ""}  # fmt: skip


def write_split(folder, split, outcomes, first_seed=1_000_000, task="milk_bin", starts=True, **settings):
    """A finished evaluation of one split with these outcomes (True: success); returns its summary."""
    episodes = []
    for i, success in enumerate(outcomes):
        place = {"target_start": (0.42 + 0.03 * (i % 8), -0.25 + 0.03 * (i % 7)), "destination_start": (0.62, 0.22)}
        episodes.append(
            EpisodeResult(
                seed=first_seed + i, split=split, task=task, instruction="milk in bin", objects=("milk", "bin"),
                success=success, failure="" if success else "timeout", reason="", steps=90, max_steps=240, wall_s=4.0,
                stage="done" if success else "dropped", compared=10, right=9, ties=2,
                directions={"left": (6, 6), "grasped": (4, 3)}, confusions={"grasped>down": 1}, latency_p50=0.02,
                **(place if starts else {}),
            )
        )  # fmt: skip
    found = summary(episodes, settings={**SETTINGS, "split": split, **settings})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps(found))
    return found


def write_several(folder, by_split):
    parts = {split: write_split(folder / split, split, outcomes) for split, outcomes in by_split.items()}
    (folder / "result.json").write_text(json.dumps(several(parts, settings={**SETTINGS, "split": "several"})))
    return folder


@pytest.fixture
def pair(tmp_path):
    """b solves three that a does not, a one that b does not."""
    write_split(tmp_path / "a", "distractors", [True] * 5 + [False] * 3 + [True] + [False])
    write_split(tmp_path / "b", "distractors", [True] * 5 + [True] * 3 + [False] + [False], bundle="other")
    return tmp_path / "a", tmp_path / "b"


def test_compare_counts_pairs(pair, capsys):
    assert compare.main([*map(str, pair), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["splits"]["distractors"]
    assert [found[name] for name in ("both", "only_a", "only_b", "neither")] == [5, 1, 3, 1]
    assert (found["rate_a"], found["rate_b"], found["difference"]) == pytest.approx((0.6, 0.8, 0.2))
    assert found["mcnemar_p"] == pytest.approx(0.625)
    low, high = found["newcombe95"]
    assert low < 0.2 < high
    assert compare.main([*map(str, pair)]) == 0
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row[:5] == ["distractors", "5", "1", "3", "1"]


def test_newcombes_interval_has_the_published_value():
    # Newcombe 1998, Statistics in Medicine 17:2635, table II, 36/12/2/0, method 10.
    assert Paired(36, 2, 12, 0).difference_interval() == pytest.approx((0.0569, 0.3404), abs=1e-4)


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(sum))
def test_paired_numbers_agree_with_scipy_and_hold_the_difference(counts):
    paired = Paired(*counts)
    discordant = paired.only_a + paired.only_b
    expected = binomtest(paired.only_a, discordant, 0.5).pvalue if discordant else 1.0
    assert paired.p_value == pytest.approx(expected)
    low, high = paired.difference_interval()
    assert -1 <= low <= paired.difference <= high <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_seed": 1_000_001}, "expected the seeds of .*a, 10 from 1000000 to 1000009, found 10 from 1000001"),
        ({"outcomes": [True] * 9}, "10 from 1000000 to 1000009, found 9 from 1000000 to 1000008"),
        ({"world": "libero_object"}, "expected world 'tabletop' as in .*a, found 'libero_object'; evaluate both with"),
        ({"split": "light_shift"}, "expected split 'distractors' as in .*a, found 'light_shift'"),
        ({"task": "can_bin"}, "expected the task 'milk_bin' for seed 1000000"),
    ],
)
def test_what_cannot_be_compared_is_refused(pair, changes, message):
    write_split(pair[1], **{"split": "distractors", "outcomes": [True] * 10, **changes})
    with pytest.raises(SavedError, match=message):
        compare.main([*map(str, pair)])


def test_folders_that_are_no_evaluation_are_refused(pair, tmp_path):
    with pytest.raises(SavedError, match=r"nothing: expected the result.json of a finished evaluation, found none"):
        compare.main([str(pair[0]), str(tmp_path / "nothing")])
    (pair[1] / "result.json").write_text('{"episodes": 3}')
    with pytest.raises(SavedError, match="expected the result of `inspire evaluate`, found something else"):
        compare.main([*map(str, pair)])
    several_ = write_several(tmp_path / "several", {"distractors": [True] * 10, "light_shift": [True] * 10})
    with pytest.raises(SavedError, match="expected the splits of .*, distractors, found distractors, light_shift"):
        compare.main([str(pair[0]), str(several_)])


@pytest.fixture
def evaluated(tmp_path):
    outcomes = [i % 4 != 0 for i in range(40)]
    return write_several(tmp_path / "run", {"unseen_positions": [True] * 40, "distractors": outcomes})


def test_the_page_keeps_what_people_wrote(evaluated, tmp_path):
    page = tmp_path / "docs" / "results.md"
    page.parent.mkdir()
    page.write_text(f"# Mine\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    for _ in range(2):  # the second time changes nothing
        assert results.main([f"ours={evaluated}", "--out", str(page.parent)]) == 0
        text = page.read_text()
        assert text.startswith(f"# Mine\n\nBefore.\n\n{BEGIN}\n")
        assert text.endswith(f"{END}\n\nAfter.\n")
        assert "\nold\n" not in text
    assert "| distractors | **30 of 40**, 75.0 % | [59.8, 85.8] % | 90.0 % | 87.5 % | 400 (80) | 20.0 ms |" in text
    assert "10 timeout, dropped |" in text
    assert "| milk | 40 of 40 | 30 of 40 |" in text


def test_every_picture_of_the_page_is_there_and_small(evaluated, tmp_path):
    assert results.main([f"ours={evaluated}", "--out", str(tmp_path)]) == 0
    names = ["results_success.png", "results_confusion_ours.png", "results_map_ours.png"]
    text = (tmp_path / "results.md").read_text()
    for name in names:
        assert f"(images/{name})" in text
        content = (tmp_path / "images" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 120_000
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(names)


def test_pictures_that_are_no_longer_shown_are_removed(evaluated, tmp_path):
    assert results.main([f"ours={evaluated}", "--out", str(tmp_path)]) == 0
    (tmp_path / "images" / "mine.png").write_text("a picture of somebody else")
    assert results.main([f"theirs={evaluated}", "--out", str(tmp_path)]) == 0
    names = {path.name for path in (tmp_path / "images").iterdir()}
    shown = {"results_success.png", "results_confusion_theirs.png", "results_map_theirs.png"}
    assert names == {"mine.png", *shown}


def test_old_evaluations_without_starts_have_no_map(tmp_path):
    write_split(tmp_path / "old", "distractors", [True, False], starts=False)
    assert results.main([str(tmp_path / "old"), "--out", str(tmp_path)]) == 0
    assert "results_map" not in (tmp_path / "results.md").read_text()


def test_the_ladder_compares_with_its_first_rung(pair, tmp_path):
    rungs = [f"none={pair[0]}", f"question={pair[1]}"]
    assert results.main(["--ladder", *rungs, "--out", str(tmp_path)]) == 0
    lines = (tmp_path / "results.md").read_text().splitlines()
    assert any(line.startswith("| none | **6 of 10**, 60.0 % |") and line.endswith("|  |  |") for line in lines)
    second = next(line for line in lines if line.startswith("| question |"))
    assert "**8 of 10**" in second
    assert "+20.0 [" in second
    assert second.endswith("| 0.625 |")


def test_a_ladder_over_other_seeds_is_refused(pair, tmp_path):
    write_split(tmp_path / "c", "distractors", [True] * 10, first_seed=1_000_500)
    with pytest.raises(SavedError, match="evaluate both with the same --seed"):
        results.main(["--ladder", f"none={pair[0]}", f"other={tmp_path / 'c'}", "--out", str(tmp_path)])
    assert not (tmp_path / "results.md").exists()


def test_names_and_markers_that_do_not_fit_are_refused(evaluated, tmp_path):
    with pytest.raises(SavedError, match="expected each folder under a name of its own"):
        results.main([str(evaluated), str(evaluated), "--out", str(tmp_path)])
    with pytest.raises(SavedError, match="expected at least one FOLDER"):
        results.main(["--out", str(tmp_path)])
    for text in (BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"):
        with pytest.raises(SavedError, match="expected <!-- inspire results: begin -->"):
            insert_section(text, "new")
    assert insert_section("# Mine\n", "new") == f"# Mine\n\n{BEGIN}\nnew\n{END}\n"
