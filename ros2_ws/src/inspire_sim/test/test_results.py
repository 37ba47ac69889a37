"""Counting: Wilson intervals, summaries, lines of JSON, direction answers against the truth."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_policy.scoring import TrueAnswer
from inspire_sim.direction_tally import DirectionTally
from inspire_sim.results import EpisodeResult, Holding, macro_accuracy, summary, table, wilson_interval


def episode(seed, success=True, **changes):
    values = {
        "seed": seed, "split": "train", "task": "milk_bin", "instruction": "milk in bin", "objects": ("milk", "bin"),
        "success": success, "failure": "" if success else "timeout", "reason": "", "steps": 90, "max_steps": 240,
        "wall_s": 4.5,
    }  # fmt: skip
    return EpisodeResult(**{**values, **changes})


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(80, 100, 0.7112, 0.8666), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 2, 0.0945, 0.9055)],
)
def test_wilson_interval_has_the_published_values(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-4)


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_rate_and_stays_in_bounds(counts):
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1


def test_wilson_interval_refuses_more_successes_than_trials():
    with pytest.raises(ValueError, match="expected 0 <= successes <= trials, found 3 of 2"):
        wilson_interval(3, 2)


def test_an_episode_survives_its_line_of_json():
    before = episode(3, success=False, compared=4, right=3, directions={"left": (4, 3)}, confusions={"left>up": 1})
    after = EpisodeResult.from_json(before.to_json())
    assert after == before
    assert json.loads(before.to_json())["direction_accuracy"] == 0.75


def test_a_line_keeps_where_things_started_and_may_lack_it():
    placed = episode(3, target_start=(0.52, -0.1), destination_start=(0.62, 0.22))
    assert EpisodeResult.from_json(placed.to_json()) == placed
    old = json.loads(placed.to_json())
    del old["target_start"], old["destination_start"]
    after = EpisodeResult.from_json(json.dumps(old))
    assert (after.target_start, after.destination_start) == (None, None)


@pytest.mark.parametrize(
    ("moments", "stage", "wrong"),
    [
        ([], "never grasped", ""),
        ([("can", "other", False), ("milk", "target", False), ("can", "other", True)], "never grasped", "can"),
        ([("milk", "target", True), ("bin", "destination", True), ("milk", "target", False)], "dropped", ""),
        ([("can", "other", True), ("bread", "other", True), ("milk", "target", True)], "held to the end", "can"),
    ],
)
def test_what_was_held_tells_how_far_it_came_and_the_first_wrong_object(moments, stage, wrong):
    holding = Holding()
    for moment in moments:
        holding.see(*moment)
    assert (holding.stage(False), holding.stage(True), holding.wrong_object) == (stage, "done", wrong)


def test_wrong_objects_are_counted_where_they_were_kept():
    kept = [episode(1, wrong_object=""), episode(2, wrong_object="can")]
    assert summary(kept)["wrong_objects"] == 1
    assert EpisodeResult.from_json(kept[1].to_json()) == kept[1]
    assert summary([*kept, episode(3)])["wrong_objects"] is None


@pytest.mark.parametrize("start", [[0.5], [0.5, "far"], 3])
def test_a_start_that_is_no_point_is_refused(start):
    line = json.dumps({**json.loads(episode(3).to_json()), "target_start": start})
    with pytest.raises(ValueError, match="expected a line of JSON"):
        EpisodeResult.from_json(line)


def test_macro_accuracy_gives_every_direction_the_same_weight():
    assert macro_accuracy({"left": (90, 90), "up": (10, 5)}) == pytest.approx(0.75)
    assert macro_accuracy({"left": (10, 10), "up": (0, 0)}) == 1.0
    assert macro_accuracy({}) is None


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"seed": 1}'])
def test_a_line_that_is_no_episode_is_refused(line):
    with pytest.raises(ValueError, match="expected a line of JSON"):
        EpisodeResult.from_json(line)


def test_the_summary_adds_up():
    episodes = [
        episode(1, compared=10, right=9, ties=1, directions={"left": (10, 9)}, confusions={"left>up": 1}, clamps=2),
        episode(
            2, success=False, compared=10, right=5, directions={"left": (4, 1), "up": (6, 4)}, confusions={"left>up": 3}
        ),
    ]
    found = summary(episodes, settings={"world": "tabletop"})
    assert found["success"] is False
    assert found["success_rate"] == 0.5
    assert found["direction_accuracy"] == pytest.approx(0.7)
    assert found["direction_accuracy_macro"] == pytest.approx((10 / 14 + 4 / 6) / 2)
    assert found["directions"] == {"left": [14, 10], "up": [6, 4]}
    assert found["confusions"] == {"left>up": 4}
    assert found["failures"] == {"timeout": 1}
    assert (found["clamps"], found["directions_tied"]) == (2, 1)
    assert [e["seed"] for e in found["episodes"]] == [1, 2]
    json.dumps(found)


def test_no_episodes_are_no_success():
    found = summary([])
    assert found["success"] is False
    assert found["success_rate"] is None


def test_the_table_groups_by_object_destination_and_failure():
    lines = table([episode(1), episode(2, success=False, stage="dropped")]).splitlines()
    assert any(line.startswith("object milk") and "1/2" in line for line in lines)
    assert any(line.startswith("destination bin") and "1/2" in line for line in lines)
    assert any(line.startswith("failure timeout (dropped)") and line.endswith("1") for line in lines)


TRUTH = {"milk": TrueAnswer("left", 2, False), "bin": TrueAnswer("front", 1, False)}


def test_answers_are_compared_at_equal_stamps_in_any_order():
    tally = DirectionTally()
    tally.add_answers(100, {"milk": ("left", 2), "bin": ("up", 3)})
    tally.add_truth(150, {"milk": TrueAnswer("up", 3, False)})
    assert tally.compared == 0
    tally.add_truth(100, TRUTH)
    assert (tally.compared, tally.right) == (2, 1)
    assert tally.directions == {"front": (1, 0), "left": (1, 1)}
    assert tally.confusions == {"front>up": 1}


def test_ties_are_left_out_and_counted():
    tally = DirectionTally()
    tally.add_truth(1, {"milk": TrueAnswer("left", 2, True)})
    tally.add_answers(1, {"milk": ("up", 3)})
    assert (tally.compared, tally.ties) == (0, 1)


def test_a_repeated_message_counts_once():
    tally = DirectionTally()
    for _ in range(2):
        tally.add_truth(1, TRUTH)
        tally.add_answers(1, {"milk": ("left", 2)})
    assert (tally.compared, tally.answers) == (1, 1)


def test_the_axis_decides_not_the_word():
    tally = DirectionTally()
    tally.add_truth(1, {"milk": TrueAnswer("grasped", 0, False)})
    tally.add_answers(1, {"milk": ("catch", 0)})
    assert (tally.compared, tally.right) == (1, 1)
