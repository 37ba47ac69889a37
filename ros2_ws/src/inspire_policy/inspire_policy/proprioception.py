"""What the arm feels, as the model's input vector; raw SI values, the normalisation is inside the exported graph."""

from __future__ import annotations

import numpy as np

from inspire_policy.rotations import rotate

PROPRIOCEPTION_SIZE = 10  # position (3), first two columns of the rotation matrix (6), gripper opening (1)


def proprioception_vector(position: np.ndarray, quaternion_xyzw: np.ndarray, opening: float) -> np.ndarray:
    """The proprioception vector, float32 (10,).

    Args:
        position: of the tool frame in the arm's base frame, (3,) m.
        quaternion_xyzw: its orientation there, (4,), normalised here.
        opening: of the gripper, 0 closed .. 1 open.

    Returns:
        Position, then the tool's x axis and y axis in the base frame (the first two columns of the rotation matrix, a
        continuous form of rotation), then the opening. Raises ValueError on wrong shapes, non-finite numbers or a zero
        quaternion.
    """
    position = np.asarray(position, dtype=np.float64)
    quaternion = np.asarray(quaternion_xyzw, dtype=np.float64)
    if position.shape != (3,) or quaternion.shape != (4,):
        raise ValueError(
            f"pose: expected position (3,) and quaternion (4,), found {position.shape} and {quaternion.shape}"
        )
    if not (np.isfinite(position).all() and np.isfinite(quaternion).all() and np.isfinite(opening)):
        raise ValueError(f"pose: expected finite numbers, found {position}, {quaternion}, opening {opening}")
    norm = float(np.linalg.norm(quaternion))
    if norm < 1e-6:
        raise ValueError(f"pose: expected a unit quaternion, found {quaternion}")
    quaternion = quaternion / norm
    x_axis = rotate(quaternion, np.array([1.0, 0.0, 0.0]))
    y_axis = rotate(quaternion, np.array([0.0, 1.0, 0.0]))
    return np.concatenate([position, x_axis, y_axis, [opening]]).astype(np.float32)
