"""What a driver says, in the words of this project: poses in the arm's base frame, openings from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspire_policy.rotations import quaternion_from_rotvec, quaternion_multiply, rotate


@dataclass(frozen=True)
class BaseFrames:
    """The base frame, and the frame in which a driver tells poses: the same place, turned about z.

    Attributes:
        base: name of the arm's base frame. driver: name of the driver's frame. turn: rad about z from base to driver
            (Universal Robots: half a turn).
    """

    base: str
    driver: str
    turn: float = 0.0

    def in_base(self, position: np.ndarray, quaternion: np.ndarray, frame: str) -> tuple[np.ndarray, np.ndarray]:
        """A driver's pose, position (3,) m and quaternion (4,) in `frame`, in the base frame.

        Raises ValueError on another frame than the driver's.
        """
        if frame != self.driver:
            raise ValueError(
                f"expected poses in {self.driver}, found {frame or '(empty)'}: set pose_frame and pose_turn"
            )
        if self.turn == 0.0:
            return position, quaternion
        half = quaternion_from_rotvec(np.array([0.0, 0.0, self.turn]))
        return rotate(half, position), quaternion_multiply(half, quaternion)
