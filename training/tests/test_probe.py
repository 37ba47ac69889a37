"""What `inspire probe` draws, counts and prints; the closed loop itself is the command's."""

import numpy as np
import pytest

from inspire_policy.bundle import BundleError
from inspire_policy.directions import REP103
from inspire_sim.worlds.base import ObjectState
from inspire_training.data.answers import CLEARLY_WRONG
from inspire_training.probe import CONDITIONS, probe, summary, table, wrong_word
from inspire_training.settings import ProbeSettings


def _object(position):
    return ObjectState("milk", "target", np.array(position), np.zeros(4), np.zeros(3), 0.0, False, "front")


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
    assert set(content["wrong_words"]) == {"left"}
    assert [e["condition"] for e in content["episodes"]][:4] == ["own"] * 4
    assert "wrong word left" in table(content)


def test_a_bundle_of_another_world_is_refused(tmp_path):
    with pytest.raises(BundleError, match="libero_object"):
        probe(ProbeSettings(world="libero_object", out=tmp_path / "probe.json"))
