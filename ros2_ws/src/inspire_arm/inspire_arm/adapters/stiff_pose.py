"""For stiff pose controllers (FZI's Cartesian controllers, franka's pose interface): the target moves on by v dt.

They go to any target as fast as they can, so measured (+) lead would be a jerk of its own and its speed nobody's. The
target starts where the arm is (or at the hold) and is kept within `max_lead` of it: an arm that is blocked or lags
pulls the target back, and the last target, to which such a controller goes on by itself, is never far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from inspire_arm.adapters.base import Target
from inspire_arm.envelope import Envelope, Limited, confine
from inspire_arm.motion import Command, Pose
from inspire_arm.reasons import ARM_LAGS
from inspire_policy.action import ActionContract
from inspire_policy.rotations import (
    quaternion_conjugate,
    quaternion_from_rotvec,
    quaternion_multiply,
    rotvec_from_quaternion,
)

LONGEST_STEP = 2.0  # control periods; later than that the gate holds anyway


@dataclass(frozen=True)
class LeadLimits:
    """How far a stiff target may be from the arm: translation m, rotation rad."""

    translation: float = 0.04
    rotation: float = 0.09

    def __post_init__(self) -> None:
        for name in ("translation", "rotation"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"lead limits: expected {name} > 0, found {value}")


class StiffPose:
    """Integrates the twist of the limited leads, in translation and rotation alike."""

    def __init__(self, envelope: Envelope, contract: ActionContract, limits: LeadLimits | None = None) -> None:
        self._envelope = envelope
        self._period = contract.period
        self._limits = limits or LeadLimits()
        self._anchor: tuple[np.ndarray, np.ndarray] | None = None
        self._paused = True  # the time since the target before was not spent moving

    def target(self, limited: Limited, measured: Pose, elapsed: float) -> Target:
        """See `Adapter.target`."""
        dt = self._period if self._paused else min(max(elapsed, 0.0), LONGEST_STEP * self._period)
        position, quaternion = self._anchor or (measured.position, measured.quaternion)
        position = position + limited.twist.linear * dt
        quaternion = quaternion_multiply(quaternion_from_rotvec(limited.twist.angular * dt), quaternion)
        position, quaternion, lag = self._reanchored(position, quaternion, measured)
        position, cut = confine(measured.position, position, self._envelope)
        quaternion = quaternion / math.hypot(*quaternion)  # rounding must not add up over an episode
        self._anchor, self._paused = (position, quaternion), False
        return Target(position, quaternion, (*lag, *cut))

    def remember(self, hold: Command) -> None:
        """See `Adapter.remember`: motion goes on from the hold."""
        self._anchor, self._paused = (hold.position, hold.quaternion), True

    def forget(self) -> None:
        """See `Adapter.forget`: motion goes on from where the arm is."""
        self._anchor, self._paused = None, True

    def _reanchored(
        self, position: np.ndarray, quaternion: np.ndarray, measured: Pose
    ) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
        """The target taken back to `max_lead` from the arm; no further, since that would be a jump of its own."""
        clamps = []
        ahead = position - measured.position
        distance = math.hypot(*ahead)
        most = self._limits.translation
        if distance > most:
            clamps.append((ARM_LAGS, f"expected the target within {most:g} m of the arm, found it at {distance:.3f} m"))
            position = measured.position + ahead * (most / distance)
        turn = rotvec_from_quaternion(quaternion_multiply(quaternion, quaternion_conjugate(measured.quaternion)))
        angle, most = math.hypot(*turn), self._limits.rotation
        if angle > most:
            clamps.append((ARM_LAGS, f"expected the target within {most:g} rad of the arm, found it at {angle:.3f}"))
            quaternion = quaternion_multiply(quaternion_from_rotvec(turn * (most / angle)), measured.quaternion)
        return position, quaternion, clamps
