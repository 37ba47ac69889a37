"""What `inspire probe` draws, counts and prints; the closed loop itself is the command's."""

import numpy as np
import pytest

from inspire_policy.bundle import BundleError
from inspire_policy.directions import REP103
from inspire_sim.worlds.base import ObjectState, Truth
from inspire_training.data.answers import CLEARLY_WRONG
from inspire_training.probing.command import probe, summary, table
from inspire_training.probing.episodes import CONDITIONS, wrong_word
from inspire_training.probing.naming import first_held, picked_up, with_another_name
from inspire_training.settings import ProbeSettings


def _object(position, name="milk", role="target", held=False):
    return ObjectState(name, role, np.array(position), np.zeros(4), np.zeros(3), 0.0, held, "front")


def _truth(*objects):
    return Truth(tuple(objects), np.zeros(3), np.zeros(4), 0.0)


def test_wrong_words_point_clearly_elsewhere_and_are_all_drawn():
    rng = np.random.default_rng(0)
    drawn = {wrong_word(_object([0.2, 0.19, 0.0]), np.zeros(3), rng) for _ in range(200)}
    assert drawn == {"back", "right", "up", "down"}, "front and left are both nearly right, grasped is no direction"
    tool = np.array([0.1, 0.1, 0.1])
    for _ in range(50):
        position = rng.uniform(-0.3, 0.3, 3)
        unit = REP103.unit(wrong_word(_object(position), tool, rng))
        assert unit @ (position - tool) < np.abs(position - tool).max() - CLEARLY_WRONG
    assert wrong_word(_object([0.005, 0.0, 0.0]), np.zeros(3), rng) is None, "so near that nothing is clear"


def test_the_summary_counts_success_per_condition_and_followed_words():
    episodes = [
        {
            "condition": condition,
            "seed": seed,
            "named": "can" if condition == "renamed" and seed else "",
            "taken": ["", "named", "named", "scene's own"][seed],
            "success": condition != "wrong" or seed == 1,
            "passes": [3, 1, 1, 2] if condition == "own" else [3],
            "forced": [
                {"kind": "wrong", "word": "left", "followed": seed < 3, "went": True},
                {"kind": "true", "word": "down", "followed": True, "went": seed < 2},
            ]
            if condition == "own"
            else [],
        }
        for condition in reversed(CONDITIONS)
        for seed in range(4)
    ]
    content = summary(episodes, ProbeSettings())
    assert {name: rate["count"] for name, rate in content["success"].items()} == {
        "own": 4, "true": 4, "wrong": 1, "dropped": 4,
    }  # fmt: skip
    assert content["follows"]["wrong"]["count"] == 3 and content["follows"]["wrong"]["of"] == 4
    low, high = content["follows"]["wrong"]["wilson95"]
    assert low < 0.75 < high
    assert content["goes"]["true"]["count"] == 2 and content["goes"]["wrong"]["count"] == 4
    assert content["decoding"] == {"ticks": 16, "passes_per_tick": 1.75, "drafts_held": 0.5}
    assert {what: (rate["count"], rate["of"]) for what, rate in content["taken"].items()} == {
        "named": (2, 3), "scene's own": (1, 3), "another": (0, 3), "nothing": (0, 3),
    }, "a scene without another object says nothing"  # fmt: skip
    assert set(content["wrong_words"]) == {"left"}
    assert [e["condition"] for e in content["episodes"]][:4] == ["own"] * 4
    assert "wrong word left" in table(content) and "first held: scene's own" in table(content)


def test_of_a_policy_that_is_never_asked_only_success_and_names_are_told():
    episodes = [
        {"condition": c, "seed": 0, "success": True, "passes": [1], "forced": [], "named": "can", "taken": "named"}
        for c in ("own", "renamed")
    ]
    content = summary(episodes, ProbeSettings())
    assert set(content["success"]) == {"own"} and content["taken"]["named"]["count"] == 1
    assert "word" not in table(content)


def test_another_name_is_one_that_lies_there_and_can_be_picked_up():
    picked = picked_up(
        ("milk_bin", "can_plate", "bread_bin", "dinosaur_plate"), ("milk", "can", "bread", "bin", "plate")
    )
    assert picked == {"milk", "can", "bread"}
    here, there = np.zeros(3), np.ones(3)
    scene = _truth(
        _object(here), _object(there, "bin", "destination"), _object(there, "plate", "other"),
        _object(there, "can 2", "other"), _object(there, "box", "other"),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    told = with_another_name("Pick up the Milk and place it in the bin", scene, picked, rng)
    assert told == ("Pick up the can and place it in the bin", "can"), "bread is not there, a plate is never picked up"
    assert with_another_name("milkshake, please", scene, picked, rng) is None
    assert with_another_name("pick up the milk", _truth(_object(here)), picked, rng) is None


def test_what_is_held_first_is_an_object_and_no_destination():
    here = np.zeros(3)
    assert first_held(_truth(_object(here), _object(here, "bin", "destination", True))) == ""
    assert first_held(_truth(_object(here), _object(here, "can 1", "other", True))) == "can"


def test_a_bundle_of_another_world_is_refused(tmp_path):
    with pytest.raises(BundleError, match="libero_object"):
        probe(ProbeSettings(world="libero_object", out=tmp_path / "probe.json"))


def test_conditions_that_are_not_known_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match="expected some of own, true, wrong, dropped, renamed for tabletop, found ture"
    ):
        probe(ProbeSettings(conditions=("ture",), out=tmp_path / "probe.json"))
