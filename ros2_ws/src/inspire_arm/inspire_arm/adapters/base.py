"""What an adapter is: from a lead within the envelope to what one kind of arm controller is told.

The law is v = k x lead, k the lead gain. A twist controller is told v; a stiff pose controller a target that v moves
along; an impedance controller of matching stiffness measured (+) lead, which makes it move at about v by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inspire_arm.envelope import Limited
from inspire_arm.motion import Command, Pose


@dataclass(frozen=True, eq=False)
class Target:
    """Where the tool is to be: position (3,) m, quaternion (4,) in the base frame; further clamps (name, detail)."""

    position: np.ndarray
    quaternion: np.ndarray
    clamps: tuple[tuple[str, str], ...] = ()


class Adapter(Protocol):
    """Turns limited leads into targets; may remember what it commanded."""

    def target(self, limited: Limited, measured: Pose, elapsed: float) -> Target:
        """The target `elapsed` s (at most; one control period after a pause) after the one before."""

    def remember(self, hold: Command) -> None:
        """A pose that was commanded by other means: a hold."""

    def forget(self) -> None:
        """Drop the memory of what was commanded: time jumped, or the world was reset."""
