"""The action contract: a model output is a lead, a set-point relative to where the hand is.

The lead becomes motion in one place only, the arm gate. An impedance controller (robosuite's OSC_POSE, the source of
the contract) gets measured pose (+) lead; its steady speed is about `lead_gain` times the lead, which is what twist
adapters send.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAD_SIZE = 7  # translation (3), rotation (3), gripper opening (1)


@dataclass(frozen=True)
class ActionContract:
    """What an action means, agreed between bundle, gate and body.

    Attributes:
        max_translation: largest |translation lead| per axis, m; +-1 of the normalised action.
        max_rotation: largest |rotation lead| per axis, rad; +-1 of the normalised action.
        lead_gain: k in v = k x lead, 1/s.
        control_rate_hz: actions per second.
        frame: frame of the leads, the arm's base.
        tool_frame: frame that the lead moves.
    """

    max_translation: float = 0.05
    max_rotation: float = 0.5
    lead_gain: float = 5.3
    control_rate_hz: float = 20.0
    frame: str = "panda_link0"
    tool_frame: str = "panda_grip_site"

    def __post_init__(self) -> None:
        for name in ("max_translation", "max_rotation", "lead_gain", "control_rate_hz"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"action contract: expected {name} > 0, found {value}")

    @property
    def period(self) -> float:
        """Control period, s."""
        return 1.0 / self.control_rate_hz


@dataclass(frozen=True)
class Lead:
    """One action: translation (3,) m and rotation (3,) rad axis-angle in the base frame; opening 0 closed .. 1 open."""

    translation: np.ndarray
    rotation: np.ndarray
    opening: float

    def __post_init__(self) -> None:
        for name in ("translation", "rotation"):
            array = np.asarray(getattr(self, name), dtype=np.float64)
            if array.shape != (3,):
                raise ValueError(f"lead: expected {name} of shape (3,), found {array.shape}")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "opening", float(self.opening))

    @property
    def finite(self) -> bool:
        """Whether every number is finite."""
        return bool(
            np.isfinite(self.translation).all() and np.isfinite(self.rotation).all() and np.isfinite(self.opening)
        )

    @classmethod
    def hold(cls, opening: float) -> Lead:
        """The lead that goes nowhere and leaves the gripper at `opening`."""
        return cls(np.zeros(3), np.zeros(3), opening)


def lead_from_osc(action: np.ndarray, contract: ActionContract) -> Lead:
    """The lead of a robosuite / LIBERO OSC_POSE action, shape (7,), [-1, 1], gripper -1 open .. +1 close."""
    action = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
    return Lead(action[:3] * contract.max_translation, action[3:6] * contract.max_rotation, (1.0 - action[6]) / 2.0)


def osc_from_lead(lead: Lead, contract: ActionContract) -> np.ndarray:
    """The OSC_POSE action, shape (7,), of a lead; not clipped.

    The gripper integrates the sign: +1 close below 0.5, -1 open.
    """
    gripper = -1.0 if lead.opening > 0.5 else 1.0
    return np.concatenate(
        [lead.translation / contract.max_translation, lead.rotation / contract.max_rotation, [gripper]]
    )


def lead_from_normalised(row: np.ndarray, contract: ActionContract) -> Lead:
    """The lead of one row of a model's chunk, shape (7,): six numbers in [-1, 1], then the opening in [0, 1]; both
    clipped.
    """
    row = np.asarray(row, dtype=np.float64)
    motion = np.clip(row[:6], -1.0, 1.0)
    return Lead(
        motion[:3] * contract.max_translation, motion[3:] * contract.max_rotation, float(np.clip(row[6], 0.0, 1.0))
    )


def normalised_from_lead(lead: Lead, contract: ActionContract) -> np.ndarray:
    """The inverse of `lead_from_normalised`, shape (7,)."""
    return np.concatenate(
        [lead.translation / contract.max_translation, lead.rotation / contract.max_rotation, [lead.opening]]
    )
