"""What makes demonstrations teach recovery: the executed action is disturbed, the label stays the expert's.

A policy trained on clean paths alone never sees the states that its own errors lead to.
"""

from __future__ import annotations

import numpy as np


class Disturbance:
    """Disturbs OSC_POSE actions, shape (7,), of one episode: a slowly wandering error and, at times, a push.

    Args:
        rng: source of randomness.
        strength: standard deviation of the wandering error at its strongest, in normalised action units; each episode
            draws its own level up to this.
        push_rate: pushes per step.
    """

    def __init__(self, rng: np.random.Generator, *, strength: float = 0.35, push_rate: float = 0.02) -> None:
        self._rng, self._push_rate = rng, push_rate
        self._level = float(rng.uniform(0.0, strength))
        self._error = np.zeros(6)
        self._push, self._left = np.zeros(6), 0

    def apply(self, action: np.ndarray) -> np.ndarray:
        """The disturbed action, clipped to [-1, 1]; the gripper is left alone."""
        rng = self._rng
        scale = self._level * np.array([1.0, 1.0, 1.0, 0.3, 0.3, 0.3])
        self._error = 0.8 * self._error + 0.6 * scale * rng.standard_normal(6)
        if self._left == 0 and rng.random() < self._push_rate:
            self._left = int(rng.integers(3, 9))
            direction = rng.standard_normal(3)
            self._push = np.array([*(0.8 * direction / np.linalg.norm(direction)), *(0.15 * rng.standard_normal(3))])
        push = np.zeros(6)
        if self._left:
            self._left -= 1
            push = self._push
        return np.array([*np.clip(action[:6] + self._error + push, -1.0, 1.0), action[6]])


class Wander:
    """Begins an episode by going somewhere else, and goes astray once more when something has been grasped.

    Directions are random and mostly sideways; a carrying hand never wanders down.

    Args:
        rng: source of randomness.
        longest: steps of the first wander, at most.
        carrying: steps of the second, at most.
    """

    def __init__(self, rng: np.random.Generator, *, longest: int, carrying: int = 0) -> None:
        self._rng, self._carrying = rng, carrying
        self._begin(longest)

    def apply(self, action: np.ndarray, *, holding: bool = False) -> np.ndarray:
        """The action (7,) of this step; its translation is the wander's while that lasts."""
        if holding and self._carrying and self._left == 0:
            self._begin(self._carrying)
            self._direction[2] = abs(self._direction[2])
            self._carrying = 0
        if self._left == 0:
            return action
        self._left -= 1
        return np.array([*self._direction, *action[3:]])

    def _begin(self, longest: int) -> None:
        self._left = int(self._rng.integers(0, longest + 1)) if longest > 0 else 0
        direction = self._rng.standard_normal(3) * [1.0, 1.0, 0.4] - [0.0, 0.0, 0.2]
        self._direction = direction / np.abs(direction).max()
