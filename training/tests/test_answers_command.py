"""`inspire answers`: what it counts, with which intervals, and a real episode."""

import json

import numpy as np
import pytest

from inspire_policy.bundle import BundleError
from inspire_policy.directions import REP103
from inspire_policy.question_modes import NO_AXIS
from inspire_policy.scoring import Scoring
from inspire_training.answers import _judged, answers, macro, summary, table
from inspire_training.protocol.commanders import SaidAnswer
from inspire_training.settings import AnswersSettings


def answer(truth, said, margin=0.1, name="milk"):
    return {"step": 0, "object": name, "truth": truth, "answer": said, "right": truth == said, "margin": margin}


def test_rates_are_counted_per_direction_margin_and_object():
    episodes = [
        {"seed": 2, "ties": 1, "answers": [answer("back", "left", 0.015), answer("down", "down")]},
        {"seed": 1, "ties": 2, "answers": [answer("back", "back", 0.03), *[answer("down", "down", name="bin")] * 6]},
    ]
    content = summary(episodes, AnswersSettings())
    assert [e["seed"] for e in content["episodes"]] == [1, 2] and content["ties"] == 3
    assert (content["all"]["count"], content["all"]["of"]) == (8, 9)
    assert {w: (r["count"], r["of"]) for w, r in content["directions"].items()} == {"down": (7, 7), "back": (1, 2)}
    assert content["macro"]["rate"] == pytest.approx(0.75)
    assert [(r["count"], r["of"]) for r in content["margins"].values()] == [(0, 1), (1, 1), (7, 7)]
    assert content["objects"]["bin"]["of"] == 6
    assert content["wrong"] == {"back>left": 1}
    assert "macro over true answers 75.0 %" in table(content) and "back>left 1" in table(content)


def test_the_interval_of_the_macro_rate_is_one_over_episodes():
    """Many alike frames of one episode are no evidence: ten episodes of 1 or of 50 frames have the same interval."""
    few, many = ([[answer("back", "back" if i < 5 else "left")] * frames for i in range(10)] for frames in (1, 50))
    assert macro(few) == macro(many)
    low, high = macro(few)["interval95"]
    assert low < 0.3 and high > 0.7
    assert macro([]) == {"rate": 0.0, "interval95": [0.0, 1.0]}


def test_answers_of_a_mode_are_judged_by_its_own_labels():
    said = SaidAnswer("milk", "middle", NO_AXIS)
    judged = _judged(Scoring("distance"), said, np.array([0.25, 0.0, 0.0]), False)
    assert judged == {"truth": "middle", "answer": "middle", "right": True}
    assert _judged(Scoring("distance"), said, np.array([0.199, 0.0, 0.0]), False) is None, "a toss-up"
    content = summary([{"seed": 1, "ties": 1, "answers": [{**judged, "object": "milk"}]}], AnswersSettings())
    assert content["directions"].keys() == {"middle"} and content["margins"] == {}
    assert "middle" in table(content)


def test_a_policy_is_asked_while_the_expert_goes_astray(tmp_path):
    settings = AnswersSettings(episodes=1, seed=400_000, workers=1, out=tmp_path / "a" / "answers.json", every=8)
    content = answers(settings)
    assert json.loads(settings.out.read_text())["directions"].keys() == content["directions"].keys()
    (episode,) = content["episodes"]
    assert episode["seed"] == 1_400_000 and content["all"]["of"] >= 8
    assert content["all"]["of"] + content["ties"] == 2 * -(-episode["steps"] // 8), "both objects, every eighth step"
    assert {a["truth"] for a in episode["answers"]} <= set(REP103.words)
    assert content["all"]["rate"] > 0.6, "the shipped policy knows where things are"


def test_a_bundle_of_another_world_is_refused(tmp_path):
    with pytest.raises(BundleError, match="libero_object"):
        answers(AnswersSettings(world="libero_object", out=tmp_path / "answers.json"))
