"""What can be answered in each question mode, which axis that names, and what is refused."""

import numpy as np
import pytest

from inspire_policy.agreement import cosine
from inspire_policy.answers import AnswerVocabulary
from inspire_policy.directions import REP103
from inspire_policy.overlay import draw_overlay
from inspire_policy.programs.base import Answer
from inspire_policy.question_modes import MODES, NO_AXIS, answer_axis, answer_text, answer_texts
from inspire_policy.ros.messages import to_answers
from inspire_policy.sequences.registry import make_style
from inspire_policy.tokens import build_tokenizer


def style_of(mode: str):
    tokenizer = build_tokenizer(answer_texts(mode, REP103), REP103.words, 0, 0)
    return make_style("compact", tokenizer, perception_tokens=1, prefix_attention="causal", question_mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_every_answer_can_be_said_and_nothing_else(mode):
    style = style_of(mode)
    vocabulary = AnswerVocabulary(style, REP103)
    rng = np.random.default_rng(0)
    for _ in range(50):
        offset, held = rng.uniform(-0.9, 0.9, 3), rng.random() < 0.1
        text = answer_text(mode, offset, held, REP103)
        assert text in vocabulary.number
        axis = answer_axis(mode, text, REP103)
        if held:
            assert axis == 0
        elif mode in ("direction", "fine_direction") and axis != NO_AXIS:
            assert abs(offset[abs(axis) - 1]) >= np.abs(offset).max() - 0.1 and offset[abs(axis) - 1] * axis > 0
        else:
            assert axis == NO_AXIS
        said: list[int] = []
        while len(allowed := vocabulary.may_follow(said)):
            said.append(int(rng.choice(allowed)))
        assert vocabulary.text(said) in vocabulary.texts
    assert vocabulary.one_token == (mode in ("direction", "distance", "fine_distance"))


def test_what_cannot_be_said_or_asked_is_refused():
    with pytest.raises(ValueError, match="expected one of direction, direction_3d"):
        style_of("colour")
    plain = style_of("direction")
    with pytest.raises(ValueError, match="words that the tokenizer knows, found 'near'"):
        AnswerVocabulary(
            make_style(
                "compact",
                plain.tokenizer,
                perception_tokens=1,
                prefix_attention="causal",
                question_mode="distance",
            ),
            REP103,
        )


def test_an_answer_without_an_axis_neither_agrees_nor_disagrees():
    assert np.isnan(cosine(NO_AXIS, np.array([0.1, 0.0, 0.0]), 0.01))


def test_answers_of_a_mode_are_published_and_drawn_with_its_own_list():
    listed = answer_texts("distance", REP103)
    answers = [Answer("milk", "far", NO_AXIS, (0.1, 0.2, 0.3, 0.4)), Answer("bin", "grasped", 0, (0.7, 0.1, 0.1, 0.1))]
    message = to_answers(answers, REP103, instruction="put the milk in the bin", stamp=0, listed=listed)
    assert list(message.words) == ["grasped", "near", "middle", "far"]
    assert [(a.word, a.axis, len(a.probabilities)) for a in message.answers] == [("far", -128, 4), ("grasped", 0, 4)]
    images = {"agentview": np.zeros((64, 64, 3), np.uint8)}
    pictures = [draw_overlay(images, "", listed, answers, question_mode=mode) for mode in ("distance", "direction")]
    assert pictures[0].shape == pictures[1].shape and (pictures[0] != pictures[1]).any(), "another question is shown"
