"""What a right answer is: by axis for directions, by text in every other mode, toss-ups left to nobody."""

import numpy as np
import pytest

from inspire_policy.directions import REP103, DirectionWords
from inspire_policy.question_modes import MODES, NO_AXIS
from inspire_policy.scoring import DIRECTIONS, Scoring

VIEWER = DirectionWords(
    {"right": 2, "left": -2, "up": 3, "down": -3, "front": 1, "back": -1, "catch": 0}, frame="panda_link0"
)
OFFSET = np.array([0.25, -0.14, 0.05])


def test_a_direction_is_compared_by_its_axis_whatever_the_word():
    scoring = Scoring("direction", VIEWER)
    true = scoring.truth([0.02, 0.3, 0.1], grasped=False)
    assert (true.word, true.key, true.tied) == ("left", 2, False)
    assert scoring.key("right", 2) == true.key != scoring.key("left", -2)
    assert scoring.truth(OFFSET, grasped=True).key == 0 and DIRECTIONS.truth([0.1, 0.105, 0.0], grasped=False).tied


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("direction_3d", "front left up"),
        ("fine_direction", "2 -1 0"),
        ("distance", "middle"),
        ("fine_distance", "2"),
    ],
)
def test_other_modes_are_compared_by_their_text_in_the_words_of_the_bundle(mode, text):
    scoring = Scoring(mode, VIEWER)
    true = scoring.truth(OFFSET, grasped=False)
    assert (true.word, true.key, true.tied) == (text, text, False)
    assert scoring.key(text, NO_AXIS) == true.key != scoring.key("near", NO_AXIS)
    assert scoring.truth(OFFSET, grasped=True) == scoring.truth(-OFFSET, grasped=True)
    assert scoring.truth(OFFSET, grasped=True).word == "catch"


def test_an_offset_at_a_border_between_two_answers_is_a_toss_up():
    for mode, offset in (
        ("direction_3d", [0.25, -0.14, 0.004]),
        ("fine_direction", [0.202, -0.14, 0.05]),
        ("distance", [0.2, 0.0, 0.001]),
        ("fine_distance", [0.298, 0.0, 0.0]),
    ):
        assert Scoring(mode).truth(offset, grasped=False).tied
        assert not Scoring(mode).truth(offset, grasped=True).tied


def test_unknown_modes_and_numbers_that_are_none_are_refused():
    with pytest.raises(ValueError, match="question mode: expected one of"):
        Scoring("colour", REP103)
    for mode in MODES:
        with pytest.raises(ValueError, match="expected 3 finite numbers"):
            Scoring(mode).truth([0.0, np.nan, 0.1], grasped=False)
