"""Where a parallel gripper should grasp an object of known shape from above, and how far it reaches over it.

Shapes are clouds of points of the collision geometry. A narrow object is grasped around its middle, across its
narrowest side; one that is too wide for the fingers (bowls, mugs, plates) at its rim, with one finger inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_WIDTH = 0.072  # m between the open fingers, less a margin
PALM = 0.04  # m from the tool frame up to what must not touch the object
FINGERTIP = 0.013  # m from the tool frame down to the fingertips, with a margin
RIM_DEPTH = 0.018  # m below the rim at which it is held
RIM_WALL = 0.004  # m from the rim's outer edge to the middle of its wall
_YAWS = np.deg2rad(np.arange(-90, 90, 5))
_YAW_COST = 0.004  # m of width that a turn by 1 rad must save
_SHIFT_COST = 0.1  # m of width that a shift by 1 m off the object's middle must save
_HAND = (0.04, 0.11)  # m, half the palm along and across the closing direction, with a margin
_FINGER = (0.015, 0.06)  # m, half of what both open fingers take, likewise
_REACH_AROUND = 0.25  # m around an object within which neighbours can be in the hand's way


@dataclass(frozen=True)
class Grasp:
    """Tool position (3,) m in the frame of the points, turn of the tool about z, rad, and height over the lowest
    point, m.
    """

    anchor: np.ndarray
    yaw: float
    reach: float


class CollisionShape:
    """The collision geometry of some bodies as points that move with them.

    Args:
        model: MuJoCo's or robosuite's. bodies: ids; geometry that collides with nothing is left out.
    """

    def __init__(self, model: Any, bodies: set[int]) -> None:
        collides = np.asarray(model.geom_contype, dtype=bool) | np.asarray(model.geom_conaffinity, dtype=bool)
        geoms = np.flatnonzero(np.isin(model.geom_bodyid, list(bodies)) & collides)
        clouds = [_local_points(model, int(geom)) for geom in geoms]
        self._local = np.concatenate([np.zeros((0, 3)), *clouds])
        self._geoms = np.repeat(geoms, [len(cloud) for cloud in clouds])

    def points(self, data: Any) -> np.ndarray:
        """Where the points are now, float64 (n, 3), m, world frame; empty where nothing collides."""
        turns = np.asarray(data.geom_xmat)[self._geoms].reshape(-1, 3, 3)
        return np.asarray(np.einsum("nij,nj->ni", turns, self._local) + np.asarray(data.geom_xpos)[self._geoms])


def _local_points(model: Any, geom: int) -> np.ndarray:
    """Points of one geometry in its own frame, (n, 3) m: vertices of meshes and boxes, rims of cylinders."""
    import mujoco

    size, kind = np.array(model.geom_size[geom]), int(model.geom_type[geom])
    if kind == int(mujoco.mjtGeom.mjGEOM_MESH):
        mesh = model.geom_dataid[geom]
        start = model.mesh_vertadr[mesh]
        return np.array(model.mesh_vert[start : start + model.mesh_vertnum[mesh]], dtype=np.float64)
    if kind in (int(mujoco.mjtGeom.mjGEOM_CYLINDER), int(mujoco.mjtGeom.mjGEOM_CAPSULE)):
        turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        ring = np.stack([np.cos(turn) * size[0], np.sin(turn) * size[0]], axis=1)
        return np.concatenate([np.column_stack([ring, np.full(16, z)]) for z in (-size[1], size[1])])
    half = np.full(3, size[0]) if kind == int(mujoco.mjtGeom.mjGEOM_SPHERE) else size
    return np.asarray(half * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]))


def choose_grasp(points: np.ndarray, obstacles: np.ndarray) -> Grasp:
    """The grasp of an object: the narrowest and least turned one that the hand has room for.

    A long object is held off its middle, or across another side, where a neighbour is in the hand's way; where the
    hand has no room at all, it is held as if there were no neighbours.

    Args:
        points: the object's, (n, 3) m, z up; at yaw 0 the fingers close along y.
        obstacles: points of what is around it, (m, 3), same frame.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    across = np.stack([-np.sin(_YAWS), np.cos(_YAWS)])  # closing directions, (2, yaws)
    along = np.stack([np.cos(_YAWS), np.sin(_YAWS)])
    spread, length = points[:, :2] @ across, points[:, :2] @ along
    widths = np.ptp(spread, axis=0)
    height = float(max(low[2] + FINGERTIP, _centre(points[:, 2]), high[2] - PALM))
    near = obstacles[np.linalg.norm(obstacles[:, :2] - (low + high)[:2] / 2, axis=1) < _REACH_AROUND]
    near = near[near[:, 2] > height - FINGERTIP]
    best: tuple[float, np.ndarray, int] | None = None
    turned = widths + _YAW_COST * np.abs(_YAWS)
    for turn in sorted(np.flatnonzero(widths < MAX_WIDTH), key=lambda turn: turned[turn]):
        if best is not None and turned[turn] >= best[0]:
            break
        slack = max(float(np.ptp(length[:, turn])) / 2 - _FINGER[0], 0.0)
        for shift in np.linspace(-slack, slack, 9) if len(near) and slack else (0.0,):
            middle = across[:, turn] * _centre(spread[:, turn]) + along[:, turn] * (_centre(length[:, turn]) + shift)
            from_tool = near - (*middle, height)
            place = np.column_stack([from_tool[:, :2] @ along[:, turn], from_tool[:, :2] @ across[:, turn]])
            blocked = _in_the_way(np.abs(place), from_tool[:, 2])
            cost = turned[turn] + _SHIFT_COST * abs(shift) + blocked
            if best is None or cost < best[0]:
                best = (cost, middle, int(turn))
    if best is None:
        return _rim_grasp(points, near)
    return Grasp(np.array([*best[1], height]), float(_YAWS[best[2]]), height - float(low[2]))


def _in_the_way(aside: np.ndarray, above: np.ndarray) -> bool:
    """Whether a point is inside the hand. Args: aside: (n, 2) m from the tool along and across the closing direction,
    without sign. above: (n,) m.
    """
    fingers = (aside < _FINGER).all(axis=1)
    palm = (aside < _HAND).all(axis=1) & (above > PALM - 0.005)
    return bool((fingers | palm).any())


def _rim_grasp(points: np.ndarray, obstacles: np.ndarray) -> Grasp:
    """One finger inside: on the left or right rim, whichever has more room around it.

    Args:
        obstacles: points of what is around it and not below the fingertips, (m, 3).
    """
    low, high = points.min(axis=0), points.max(axis=0)
    rim = points[points[:, 2] > high[2] - 0.01]
    height = max(low[2] + FINGERTIP, high[2] - RIM_DEPTH)
    sides = [
        np.array([_centre(rim[:, 0]), y, height]) for y in (rim[:, 1].max() - RIM_WALL, rim[:, 1].min() + RIM_WALL)
    ]
    room = [
        min((float(np.hypot(*(side - other)[:2])) for other in obstacles), default=1.0) + 1e-3 * (side is sides[0])
        for side in sides
    ]
    return Grasp(sides[int(np.argmax(room))], 0.0, float(height - low[2]))


def _centre(values: np.ndarray) -> float:
    return float((values.max() + values.min()) / 2)
