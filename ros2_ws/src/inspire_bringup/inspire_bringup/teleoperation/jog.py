"""What an operator asks for at one moment, and the lead that comes of it, within the action contract."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from inspire_policy.action import ActionContract, Lead

FINGER_TIME = 1.0  # s that the fingers need from open to closed


@dataclass(frozen=True)
class Jog:
    """One moment of an operator.

    Attributes:
        translation: (3,) x front, y left, z up of the arm's base frame, -1 .. 1 of the largest lead per axis.
        rotation: (3,) about the same axes, likewise.
        deadman: whether the operator holds on; without it nothing moves.
    """

    translation: np.ndarray = field(default_factory=lambda: np.zeros(3))
    rotation: np.ndarray = field(default_factory=lambda: np.zeros(3))
    deadman: bool = False

    @property
    def moving(self) -> bool:
        """Whether this asks for any motion."""
        return self.deadman and bool(np.any(self.translation) or np.any(self.rotation))


class Operator:
    """Turns moments into leads. The gripper stays as it was asked for last.

    Args:
        contract: its largest leads are what 1 means. speed: share of them that is used, 0 .. 1.
    """

    def __init__(self, contract: ActionContract, *, speed: float = 0.5) -> None:
        self._contract = contract
        self._speed = speed
        self._opening = 1.0
        self._fingers = 0  # periods in which they may still be on their way

    @property
    def opening(self) -> float:
        """What the gripper is told: 0 closed, 1 open."""
        return self._opening

    @property
    def speed(self) -> float:
        """Share of the contract's largest leads that is used."""
        return self._speed

    def begin(self, opening: float) -> None:
        """A new instruction: leave the gripper as it is measured, 0 closed .. 1 open."""
        self._opening = 1.0 if opening > 0.5 else 0.0
        self._fingers = 0

    def toggle_gripper(self) -> None:
        """Open where closed, close where open."""
        self._opening = 1.0 - self._opening
        self._fingers = round(FINGER_TIME * self._contract.control_rate_hz)

    def scale_speed(self, factor: float) -> None:
        """Faster or slower, between a twentieth and all of the contract."""
        self._speed = float(np.clip(self._speed * factor, 0.05, 1.0))

    def busy(self, jog: Jog) -> bool:
        """Whether time shall pass: the operator holds on, or fingers are on their way."""
        return jog.deadman or self._fingers > 0

    def lead(self, jog: Jog) -> Lead:
        """The lead of a moment, one control period's, never beyond the contract; without the deadman one that goes
        nowhere.
        """
        self._fingers = max(0, self._fingers - 1)
        if not jog.deadman:
            return Lead.hold(self._opening)
        scale = self._speed * np.array([self._contract.max_translation, self._contract.max_rotation])
        translation = np.clip(jog.translation, -1.0, 1.0) * scale[0]
        return Lead(translation, np.clip(jog.rotation, -1.0, 1.0) * scale[1], self._opening)
