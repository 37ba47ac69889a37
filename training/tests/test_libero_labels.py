"""Published labels: which objects an instruction asks about, and the answers of every question mode."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from inspire_policy.directions import question
from inspire_policy.question_modes import MODES, answer_text, question_text
from inspire_training.libero_data.phrases import CABINET_TOP, TABLE, published_objects
from inspire_training.libero_data.replay import is_noop
from inspire_training.published.words import LIBERO, REAL


def asked(instruction: str) -> list[str]:
    return [row.asked for row in published_objects(instruction)]


def test_as_many_questions_as_in_the_released_data_of_libero_90():
    pytest.importorskip("libero", reason="LIBERO is an extra: `make setup-libero`")
    from inspire_sim.worlds.libero_assets import libero_folder
    from inspire_sim.worlds.libero_tasks import instruction_of, suite_tasks

    counts = {
        suite: Counter(len(asked(instruction_of(task))) for task in suite_tasks(libero_folder(), suite))
        for suite in ("libero_90", "libero_10", "libero_spatial", "libero_object", "libero_goal")
    }
    assert counts["libero_90"] == {1: 14, 2: 72, 3: 4}
    assert counts["libero_10"] == {2: 3, 3: 6, 4: 1}
    assert counts["libero_spatial"] == counts["libero_object"] == {2: 10}
    assert counts["libero_goal"] == {1: 5, 2: 5}


@pytest.mark.parametrize(
    ("instruction", "names"),
    [
        ("pick up the milk and place it in the basket", ["the milk", "the basket"]),
        ("put the cream cheese in the bowl", ["the bowl", "the cream cheese"]),  # the table's order, not the sentence's
        ("put the wine bottle on the rack", ["the rack"]),  # nobody asks about the bottle
        ("put the middle black bowl on top of the cabinet", ["the middle black bowl", "top of the cabinet"]),
        ("turn on the stove and put the moka pot on it", ["the moka pot", "the stove button", "the stove"]),
        ("put both moka pots on the stove", ["the left moka pot", "the right moka pot", "the stove"]),
        ("put the frying pan under the cabinet shelf", ["the frying pan", "bottom of the cabinet self"]),
        ("open the top drawer and put the bowl inside", ["the bowl"]),  # a drawer of nothing is no drawer
    ],
)
def test_the_oddities_of_the_published_questions(instruction, names):
    assert asked(instruction) == names


def test_bodies_and_heights_of_the_published_rule():
    rows = {row.words: row for row in TABLE}
    middle, bottom = (rows[f"the {height} drawer of the cabinet"] for height in ("middle", "bottom"))
    scene = {"white_cabinet_1_cabinet_top", "white_cabinet_1_cabinet_middle"}
    assert middle.body(scene) == "white_cabinet_1_cabinet_top"
    assert (middle.raised, bottom.raised) == (CABINET_TOP, 0.0)
    assert rows["the salad dressing"].body({"salad_dressing_1_main"}) == "salad_dressing_1_main"
    with pytest.raises(ValueError, match="the milk: expected a body among milk_1_main, found none"):
        rows["the milk"].body({"ketchup_1_main"})


def test_a_model_is_asked_in_the_words_of_the_released_data():
    for row in TABLE:
        assert question(row.name) == question_text("direction", row.asked)


OFFSET = np.array([0.31, -0.12, -0.05])


@pytest.mark.parametrize(
    ("mode", "offset", "grasped", "text"),
    [
        ("direction", OFFSET, False, "front"),
        ("direction", OFFSET, True, "catch"),
        ("direction", [0.1, 0.1, 0.1], False, "front"),  # ties go to the first axis
        ("direction", [0.0, 0.2, 0.1], False, "right"),
        ("direction_3d", OFFSET, False, "front left down"),
        ("direction_3d", OFFSET, True, "catch"),
        ("direction_3d", [0.0, 0.1, 0.1], False, "close right up"),
        ("fine_direction", OFFSET, False, "3 -1 0"),  # cut, not rounded
        ("fine_direction", [1.5, -1.2, 0.99], False, "9 -9 9"),
        ("distance", [0.05, 0.0, 0.0], False, "near"),
        ("distance", [0.25, 0.0, 0.0], False, "middle"),
        ("distance", OFFSET, False, "far"),
        ("fine_distance", OFFSET, False, "3"),
        ("fine_distance", [2.0, 0.0, 0.0], False, "9"),
        ("fine_distance", OFFSET, True, "catch"),
    ],
)
def test_answers_of_every_mode(mode, offset, grasped, text):
    assert answer_text(mode, offset, grasped, LIBERO) == text


def test_close_is_a_switch_and_words_belong_to_the_checkpoint():
    assert answer_text("direction", [0.05, 0.0, 0.0], False, LIBERO, close=0.06) == "close"
    assert answer_text("distance", [0.05, 0.0, 0.0], False, LIBERO, close=0.06) == "close"
    assert answer_text("direction", OFFSET, False, REAL) == "right"
    assert {mode: question_text(mode, "the milk").count("the milk") for mode in MODES} == dict.fromkeys(MODES, 1)
    with pytest.raises(ValueError, match="question mode: expected one of direction"):
        question_text("colour", "the milk")


def test_a_noop_neither_moves_nor_grips():
    still, closing, moving = np.zeros(7), np.array([0.0] * 6 + [1.0]), np.array([0.1] + [0.0] * 6)
    assert is_noop(still, None) and is_noop(closing, None)  # as published: nothing came before the first
    assert is_noop(still, moving) and not is_noop(closing, still) and not is_noop(moving, moving)
