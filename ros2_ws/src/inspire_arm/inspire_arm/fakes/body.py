"""Where the tool of a fake arm is, and the two ways in which it moves: at a twist, or towards a target."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from inspire_arm.motion import Twist
from inspire_policy.rotations import (
    quaternion_conjugate,
    quaternion_from_rotvec,
    quaternion_multiply,
    rotvec_from_quaternion,
)

DOWN = (1.0, 0.0, 0.0, 0.0)
MAX_TURN = 1.0  # rad; FZI's controllers look no further ahead either


class Body:
    """A tool pose: position (3,) m and quaternion (4,) in the base frame.

    Attributes:
        ignored: what was told and not followed, by reason.
    """

    def __init__(self, position: tuple[float, ...], quaternion: tuple[float, ...] = DOWN) -> None:
        self.position = np.array(position, dtype=float)
        self.quaternion = np.array(quaternion, dtype=float)
        self.ignored: Counter[str] = Counter()

    def move(self, twist: Twist, dt: float) -> None:
        """Move at a twist in the base frame for `dt` s."""
        self.position = self.position + twist.linear * dt
        self._turn(twist.angular * dt)

    def approach(self, position: np.ndarray, quaternion: np.ndarray, part: float) -> None:
        """Go the `part`, 0 .. 1, of the way to a pose."""
        self.position = self.position + part * (position - self.position)
        away = rotvec_from_quaternion(quaternion_multiply(quaternion, quaternion_conjugate(self.quaternion)))
        angle = math.hypot(*away)
        self._turn(part * away * min(1.0, MAX_TURN / angle if angle > 0 else 1.0))

    def _turn(self, rotation: np.ndarray) -> None:
        quaternion = quaternion_multiply(quaternion_from_rotvec(rotation), self.quaternion)
        self.quaternion = quaternion / math.hypot(*quaternion)


def first_order(rate: float, dt: float) -> float:
    """The part of the way that a first-order response of `rate` 1/s goes in `dt` s."""
    return -math.expm1(-rate * dt)
