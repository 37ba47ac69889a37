"""What goes through the gate: poses and actions in, commands out. Stamps: int nanoseconds; quaternions: x, y, z, w."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from inspire_policy.action import Lead

NANOSECONDS = 1_000_000_000
UNIT_TOLERANCE = 1e-3  # largest | |q| - 1 | of an orientation


@dataclass(frozen=True, eq=False)
class Twist:
    """A commanded velocity of the tool frame in the base frame: linear (3,) m/s, angular (3,) rad/s."""

    linear: np.ndarray
    angular: np.ndarray

    @classmethod
    def zero(cls) -> Twist:
        """Standing still."""
        return cls(np.zeros(3), np.zeros(3))


@dataclass(frozen=True, eq=False)
class Pose:
    """A pose of the tool frame in `frame`: position (3,) m, quaternion (4,), measured at `stamp`."""

    stamp: int
    frame: str
    position: np.ndarray
    quaternion: np.ndarray

    @property
    def finite(self) -> bool:
        """Whether every number is finite."""
        return all(map(math.isfinite, (*self.position.tolist(), *self.quaternion.tolist())))

    @property
    def unit(self) -> bool:
        """Whether the quaternion is a rotation."""
        return abs(math.hypot(*self.quaternion.tolist()) - 1.0) <= UNIT_TOLERANCE


@dataclass(frozen=True, eq=False)
class Action:
    """A lead that applies at `stamp`, computed from the observation at `observation_stamp`, and who sent it."""

    stamp: int
    observation_stamp: int
    frame: str
    tool_frame: str
    commander_id: str
    chunk_id: int
    index: int
    lead: Lead

    @property
    def key(self) -> tuple[int, int, str, int, int]:
        """What makes two receptions the same action."""
        return self.stamp, self.observation_stamp, self.commander_id, self.chunk_id, self.index


@dataclass(frozen=True, eq=False)
class Command:
    """What the arm is told: target pose in the base frame and gripper opening (0 closed .. 1 open), valid at `stamp`.

    An opening of None leaves the gripper alone. `twist` is the same motion as a velocity, zero in a hold.
    """

    stamp: int
    position: np.ndarray
    quaternion: np.ndarray
    opening: float | None
    twist: Twist = field(default_factory=Twist.zero)
