"""The published question modes: what is asked about an object, and its answers as texts.

Held is said first in every mode, in one word. Offsets are object minus tool, m, in the frame of the words; with `close`
above 0 what is no farther than that is called close (off in the released checkpoints).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from inspire_policy.directions import GRASPED_AXIS, DirectionWords, direction_axis

MODES = ("direction", "direction_3d", "fine_direction", "distance", "fine_distance")
NO_AXIS = -128  # signed axis of an answer that names none
CLOSE = "close"
NEAR, MIDDLE = 0.2, 0.3  # m
_TENTHS = 9  # the largest number that is said
_QUESTIONS = {
    "direction": "In which direction is {} relative to the robot?",
    "direction_3d": "In which direction is {} relative to the robot? x, y, z:",
    "fine_direction": "What is the accurate position of {} relative to the robot? x, y, z:",
    "distance": "What is the distance between the robot and {}?",
    "fine_distance": "What is the accurate distance between the robot and {}?",
}


def question_text(mode: str, name: str) -> str:
    """The published question of a mode about an object, named with its article. Raises ValueError."""
    check_mode(mode)
    return _QUESTIONS[mode].format(name)


def answer_texts(mode: str, words: DirectionWords) -> tuple[str, ...]:
    """Every answer of a mode, without the optional close; of "direction" the words as they are ordered.

    Raises ValueError on an unknown mode.
    """
    check_mode(mode)
    if mode == "direction":
        return words.words
    tenths = [str(number) for number in range(-_TENTHS, _TENTHS + 1)]
    said = {
        "direction_3d": (" ".join(w) for w in product(*([words.word(a), words.word(-a)] for a in (1, 2, 3)))),
        "fine_direction": (" ".join(numbers) for numbers in product(tenths, repeat=3)),
        "distance": iter(("near", "middle", "far")),
        "fine_distance": iter(tenths[_TENTHS:]),
    }
    return (words.word(GRASPED_AXIS), *said[mode])


def answer_axis(mode: str, text: str, words: DirectionWords) -> int:
    """The signed axis that an answer of a mode names, 0 for grasped; NO_AXIS where it names no single one."""
    if text in words.axis_of and (mode == "direction" or words.axis_of[text] == GRASPED_AXIS):
        return words.axis_of[text]
    if mode != "fine_direction":
        return NO_AXIS
    vector = np.array([int(number) for number in text.split()])
    return direction_axis(vector, grasped=False) if vector.any() else NO_AXIS


def answer_text(
    mode: str, offset: Sequence[float] | np.ndarray, grasped: bool, words: DirectionWords, *, close: float = 0.0
) -> str:
    """The answer of a mode.

    Args:
        mode: direction: the axis of the largest component; direction_3d: a word for each axis; fine_direction:
            decimetres of each axis, cut to whole numbers, 9 at most; distance: close, near, middle or far;
            fine_distance: decimetres, cut, 9 at most.
        offset: (3,) m. grasped: both finger pads touch it. words: with a word for each axis and for grasped.
        close: m.

    Raises:
        ValueError: an unknown mode, or no 3 finite numbers.
    """
    check_mode(mode)
    vector = np.asarray(offset, dtype=float)
    axis = direction_axis(vector, grasped)  # also checks the numbers
    if axis == GRASPED_AXIS:
        return words.word(GRASPED_AXIS)
    length = float(np.linalg.norm(vector))
    if mode == "direction":
        return CLOSE if close > 0 and np.abs(vector).max() <= close else words.word(axis)
    if mode == "direction_3d":
        return " ".join(_word(number, i + 1, words, close) for i, number in enumerate(vector))
    if mode == "fine_direction":
        return " ".join(str(int(np.clip(int(number * 10), -_TENTHS, _TENTHS))) for number in vector)
    if mode == "fine_distance":
        return str(int(min(length * 10, _TENTHS)))
    return CLOSE if length < close else "near" if length < NEAR else "middle" if length < MIDDLE else "far"


def _word(number: float, axis: int, words: DirectionWords, close: float) -> str:
    return CLOSE if abs(number) <= close else words.word(axis if number > 0 else -axis)


def check_mode(mode: str) -> None:
    """Raises ValueError on an unknown mode."""
    if mode not in MODES:
        raise ValueError(f"question mode: expected one of {', '.join(MODES)}, found {mode!r}")
