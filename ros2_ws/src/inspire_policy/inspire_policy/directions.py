"""Direction words, their axes, and the label rule of InSpire (arXiv 2505.13888).

Which word stands for which axis belongs to a checkpoint, never to the code: the published checkpoints use the viewer's
left and right and say "catch". `REP103` is the mapping of this project's own bundles, in the arm's base frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

GRASPED_AXIS = 0


@dataclass(frozen=True)
class DirectionWords:
    """An answer vocabulary.

    Attributes:
        axis_of: word -> signed axis of `frame`: +-1 x, +-2 y, +-3 z, 0 for the word that means grasped.
        frame: name of the frame whose axes are meant.
    """

    axis_of: Mapping[str, int]
    frame: str

    def __post_init__(self) -> None:
        axes = sorted(self.axis_of.values())
        if axes != [-3, -2, -1, 0, 1, 2, 3]:
            raise ValueError(f"direction words: expected one word for each axis of -3..3, found axes {axes}")
        object.__setattr__(self, "axis_of", MappingProxyType(dict(self.axis_of)))

    @property
    def words(self) -> tuple[str, ...]:
        """The words in the order of the vocabulary."""
        return tuple(self.axis_of)

    def word(self, axis: int) -> str:
        """The word for a signed axis (-3..3)."""
        for word, a in self.axis_of.items():
            if a == axis:
                return word
        raise ValueError(f"direction axis: expected -3..3, found {axis}")

    def unit(self, word: str) -> np.ndarray:
        """Unit vector, shape (3,), of a word in `frame`; zeros for grasped."""
        axis = self.axis_of[word]
        vector = np.zeros(3)
        if axis != GRASPED_AXIS:
            vector[abs(axis) - 1] = np.sign(axis)
        return vector


REP103 = DirectionWords(
    {"right": -2, "left": 2, "up": 3, "down": -3, "front": 1, "back": -1, "grasped": GRASPED_AXIS}, frame="panda_link0"
)


def direction_axis(offset: Sequence[float] | np.ndarray, grasped: bool) -> int:
    """The label of one object by the published rule: grasped first, else the axis of largest magnitude, ties to x,
    then y.

    Args:
        offset: object position minus gripper position, shape (3,), metres, any frame.
        grasped: both finger pads touch the object.

    Returns:
        Signed axis -3..3 of the frame of `offset`, 0 for grasped.
    """
    if grasped:
        return GRASPED_AXIS
    vector = np.asarray(offset, dtype=float)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f"offset: expected 3 finite numbers, found {vector!r}")
    index = int(np.argmax(np.abs(vector)))
    return (index + 1) if vector[index] > 0 else -(index + 1)


def is_tie(offset: Sequence[float] | np.ndarray, margin: float = 0.01) -> bool:
    """Whether the two largest magnitudes of an offset (shape (3,), metres) lie within `margin` metres: the label is a
    toss-up.
    """
    largest = np.sort(np.abs(np.asarray(offset, dtype=float)))[::-1]
    return bool(largest[0] - largest[1] < margin)


def asked_name(object_name: str) -> str:
    """An object as questions name it: with an article, but for the top or bottom of a thing, as in the released
    data.
    """
    return object_name if object_name.startswith(("top of ", "bottom of ")) else f"the {object_name}"


def question(object_name: str) -> str:
    """The question of the paper for an object as named in the instruction."""
    return f"In which direction is {asked_name(object_name)} relative to the robot?"
