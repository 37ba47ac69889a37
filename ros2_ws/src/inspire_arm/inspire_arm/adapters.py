"""From a lead within the envelope to what a kind of arm controller is told. One small class per kind of controller.

Impedance controllers of declared matching stiffness (the simulated OSC) get measured (+) lead.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from inspire_arm.envelope import Envelope, Limited
from inspire_arm.motion import Pose
from inspire_arm.reasons import TOO_FAST
from inspire_policy.action import ActionContract
from inspire_policy.rotations import (
    quaternion_conjugate,
    quaternion_from_rotvec,
    quaternion_multiply,
    rotvec_from_quaternion,
)


class Adapter(Protocol):
    """Turns limited leads into targets; may remember what it commanded."""

    def target(self, limited: Limited, measured: Pose) -> tuple[np.ndarray, np.ndarray, tuple[tuple[str, str], ...]]:
        """Target position (3,) m and quaternion (4,) in the base frame, and further clamps (name, detail)."""

    def remember(self, quaternion: np.ndarray) -> None:
        """An orientation (4,) that was commanded by other means, such as a hold."""

    def forget(self) -> None:
        """Drop the memory of what was commanded: time jumped, or the world was reset."""


class ImpedancePose:
    """Measured (+) lead. A rotation lead of exactly zero keeps the last commanded orientation bit for bit, like OSC."""

    def __init__(self, envelope: Envelope, contract: ActionContract) -> None:
        self._max_rotation = envelope.max_angular_speed / contract.lead_gain
        self._last: np.ndarray | None = None

    def target(self, limited: Limited, measured: Pose) -> tuple[np.ndarray, np.ndarray, tuple[tuple[str, str], ...]]:
        """See `Adapter.target`. The orientation kept is approached no faster than the envelope's angular speed."""
        clamps: tuple[tuple[str, str], ...] = ()
        if limited.lead.rotation.any():
            quaternion = quaternion_multiply(quaternion_from_rotvec(limited.lead.rotation), measured.quaternion)
        else:
            quaternion = measured.quaternion if self._last is None else self._last
            away = rotvec_from_quaternion(quaternion_multiply(quaternion, quaternion_conjugate(measured.quaternion)))
            angle = math.hypot(*away)
            if angle > self._max_rotation:
                clamps = (
                    (TOO_FAST, f"expected the kept orientation within {self._max_rotation:.3f} rad, found {angle:.3f}"),
                )
                near = quaternion_from_rotvec(away * (self._max_rotation / angle))
                quaternion = quaternion_multiply(near, measured.quaternion)
        self._last = quaternion
        return limited.position, quaternion, clamps

    def remember(self, quaternion: np.ndarray) -> None:
        """See `Adapter.remember`."""
        self._last = quaternion

    def forget(self) -> None:
        """See `Adapter.forget`."""
        self._last = None
