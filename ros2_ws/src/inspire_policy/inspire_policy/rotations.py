"""Rotations as unit quaternions (x, y, z, w) and axis-angle vectors (rad), in NumPy."""

from __future__ import annotations

import numpy as np


def quaternion_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product a * b of quaternions (x, y, z, w), each shape (4,): b is applied first."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return np.array(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ]
    )


def quaternion_conjugate(q: np.ndarray) -> np.ndarray:
    """The inverse of a unit quaternion (x, y, z, w), shape (4,)."""
    return np.array([-q[0], -q[1], -q[2], q[3]])


def quaternion_from_rotvec(rotvec: np.ndarray) -> np.ndarray:
    """Quaternion (x, y, z, w) of an axis-angle vector, shape (3,), rad."""
    rotvec = np.asarray(rotvec, dtype=np.float64)
    angle = float(np.linalg.norm(rotvec))
    if angle < 1e-12:
        return np.array([*(0.5 * rotvec), 1.0])
    return np.array([*(np.sin(angle / 2) / angle * rotvec), np.cos(angle / 2)])


def rotvec_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Axis-angle vector, shape (3,), rad, angle at most pi, of a unit quaternion (x, y, z, w)."""
    q = np.asarray(q, dtype=np.float64)
    q = q if q[3] >= 0 else -q
    sine = float(np.linalg.norm(q[:3]))
    if sine < 1e-12:
        return 2.0 * q[:3]
    return 2.0 * np.arctan2(sine, q[3]) / sine * q[:3]


def rotate(q: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """A vector, shape (3,), turned by a unit quaternion (x, y, z, w)."""
    axis = q[:3]
    cross = 2.0 * np.cross(axis, vector)
    return np.asarray(vector) + q[3] * cross + np.cross(axis, cross)
