"""For impedance controllers of declared matching stiffness (CRISP, the simulated OSC): measured (+) lead."""

from __future__ import annotations

import math

import numpy as np

from inspire_arm.adapters.base import Target
from inspire_arm.envelope import Envelope, Limited
from inspire_arm.motion import Command, Pose
from inspire_arm.reasons import TOO_FAST
from inspire_policy.action import ActionContract
from inspire_policy.rotations import (
    quaternion_conjugate,
    quaternion_from_rotvec,
    quaternion_multiply,
    rotvec_from_quaternion,
)


class ImpedancePose:
    """Measured (+) lead. A rotation lead of exactly zero keeps the last commanded orientation bit for bit, like OSC."""

    def __init__(self, envelope: Envelope, contract: ActionContract) -> None:
        self._max_rotation = envelope.max_angular_speed / contract.lead_gain
        self._last: np.ndarray | None = None

    def target(self, limited: Limited, measured: Pose, elapsed: float) -> Target:
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
        return Target(limited.position, quaternion, clamps)

    def remember(self, hold: Command) -> None:
        """See `Adapter.remember`."""
        self._last = hold.quaternion

    def forget(self) -> None:
        """See `Adapter.forget`."""
        self._last = None
