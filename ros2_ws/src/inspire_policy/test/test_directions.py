"""Direction words: the axes that they name, the published rule of the label, and what is no direction."""

import math

import numpy as np
import pytest

from inspire_policy.action import ActionContract, Lead, osc_from_lead
from inspire_policy.directions import REP103, DirectionWords, direction_axis, is_tie, question

AXES = {"right": (0, -1, 0), "left": (0, 1, 0), "up": (0, 0, 1), "down": (0, 0, -1), "front": (1, 0, 0)}


def test_words_name_the_axes_of_rep_103_and_back_again():
    for word, axis in (AXES | {"back": (-1, 0, 0), "grasped": (0, 0, 0)}).items():
        assert tuple(REP103.unit(word)) == axis
    assert [REP103.word(REP103.axis_of[word]) for word in REP103.words] == list(REP103.words)
    with pytest.raises(ValueError, match="direction axis: expected -3..3, found 4"):
        REP103.word(4)


@pytest.mark.parametrize("axes", [{"left": 2}, dict(zip("abcdefg", (-3, -2, -1, 0, 1, 2, 2)))])
def test_a_vocabulary_has_one_word_for_each_axis(axes):
    with pytest.raises(ValueError, match="expected one word for each axis of -3..3, found axes"):
        DirectionWords(axes, "world")


@pytest.mark.parametrize(
    ("offset", "word"),
    [
        ((0.3, 0.1, -0.2), "front"),
        ((-0.3, 0.1, -0.2), "back"),
        ((0.0, 0.02, 0.01), "left"),
        ((0.1, -0.2, 0.1), "right"),
        ((0.0, 0.1, -0.2), "down"),
        ((0.1, 0.1, 0.1), "front"),
        ((0.0, 0.1, 0.1), "left"),
    ],
)
def test_the_label_is_the_largest_component_and_ties_go_to_x_then_y(offset, word):
    assert REP103.word(direction_axis(offset, grasped=False)) == word
    assert direction_axis(offset, grasped=True) == 0
    # The largest component of three is 0.577 of the way or more.
    assert REP103.unit(word) @ np.array(offset) >= math.sqrt(1 / 3) * float(np.linalg.norm(offset)) - 1e-12


def test_ties_are_within_a_margin_and_what_is_no_place_is_refused():
    assert is_tie((0.1, 0.105, 0.0)) and not is_tie((0.1, 0.12, 0.0)) and is_tie((0.1, 0.12, 0.0), margin=0.05)
    for wrong in ((0.1, 0.2), (0.1, math.nan, 0.0)):
        with pytest.raises(ValueError, match="offset: expected 3 finite numbers"):
            direction_axis(wrong, grasped=False)


def test_a_question_is_the_papers_and_the_top_of_a_thing_has_no_article():
    assert question("milk") == "In which direction is the milk relative to the robot?"
    assert question("top of the drawer") == "In which direction is top of the drawer relative to the robot?"


def test_a_lead_has_three_numbers_each_and_becomes_the_simulators_action():
    with pytest.raises(ValueError, match=r"lead: expected rotation of shape \(3,\), found \(2,\)"):
        Lead(np.zeros(3), np.zeros(2), 1.0)
    contract = ActionContract()
    lead = Lead(np.full(3, contract.max_translation), np.array([0.0, 0.0, -contract.max_rotation]), 0.9)
    assert np.allclose(osc_from_lead(lead, contract), [1, 1, 1, 0, 0, -1, -1])
    assert osc_from_lead(Lead(np.zeros(3), np.zeros(3), 0.2), contract)[-1] == 1.0
