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


@dataclass(frozen=True)
class Grasp:
    """Tool position (3,) m in the frame of the points, turn of the tool about z, rad, and height over the lowest
    point, m.
    """

    anchor: np.ndarray
    yaw: float
    reach: float


def collision_points(sim: Any, bodies: set[int]) -> np.ndarray:
    """Points of the collision geometry of some bodies, float64 (n, 3), m, world frame; empty when they have none."""
    import mujoco

    model, data = sim.model, sim.data
    clouds = []
    for geom in range(model.ngeom):
        if int(model.geom_bodyid[geom]) not in bodies or not (model.geom_contype[geom] or model.geom_conaffinity[geom]):
            continue
        size, kind = model.geom_size[geom], int(model.geom_type[geom])
        if kind == int(mujoco.mjtGeom.mjGEOM_MESH):
            mesh = model.geom_dataid[geom]
            start = model.mesh_vertadr[mesh]
            local = np.array(model.mesh_vert[start : start + model.mesh_vertnum[mesh]], dtype=np.float64)
        elif kind in (int(mujoco.mjtGeom.mjGEOM_CYLINDER), int(mujoco.mjtGeom.mjGEOM_CAPSULE)):
            turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
            ring = np.stack([np.cos(turn) * size[0], np.sin(turn) * size[0]], axis=1)
            local = np.concatenate([np.column_stack([ring, np.full(16, z)]) for z in (-size[1], size[1])])
        else:
            half = np.full(3, size[0]) if kind == int(mujoco.mjtGeom.mjGEOM_SPHERE) else np.array(size)
            local = half * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        clouds.append(local @ np.array(data.geom_xmat[geom]).reshape(3, 3).T + data.geom_xpos[geom])
    return np.concatenate(clouds) if clouds else np.zeros((0, 3))


def choose_grasp(points: np.ndarray, obstacles: np.ndarray) -> Grasp:
    """The grasp of an object.

    Args:
        points: the object's, (n, 3) m, z up; at yaw 0 the fingers close along y.
        obstacles: origins of the objects around it, (m, 3), same frame; a rim is held on the side away from them.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    across = np.stack([-np.sin(_YAWS), np.cos(_YAWS)])  # closing directions, (2, yaws)
    along = np.stack([np.cos(_YAWS), np.sin(_YAWS)])
    spread = points[:, :2] @ across
    widths = spread.max(axis=0) - spread.min(axis=0)
    best = int(np.argmin(widths + _YAW_COST * np.abs(_YAWS)))
    if widths[best] < MAX_WIDTH:
        length = points[:, :2] @ along[:, best]
        middle = across[:, best] * _centre(spread[:, best]) + along[:, best] * _centre(length)
        height = max(low[2] + FINGERTIP, _centre(points[:, 2]), high[2] - PALM)
        return Grasp(np.array([*middle, height]), float(_YAWS[best]), float(height - low[2]))
    return _rim_grasp(points, obstacles)


def _rim_grasp(points: np.ndarray, obstacles: np.ndarray) -> Grasp:
    """One finger inside: on the left or right rim, whichever has more room around it."""
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
