"""A robosuite 1.4 simulation in this project's terms: grip_site poses in the base frame, opening, grasp, segmentation.

Traps: `robot0_eef_quat` is the hand body, turned 90 degrees about z from the controller's grip_site; the controller
works in the world frame, so the base pose is subtracted here; images come bottom-up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from inspire_policy.rotations import quaternion_conjugate, quaternion_multiply, rotate

GRIPPER_TRAVEL = 0.04  # m, of one Panda finger
CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}  # our name -> robosuite's


def quaternion_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Unit quaternion (x, y, z, w), w >= 0, of a rotation matrix, shape (3, 3) or (9,)."""
    import mujoco

    wxyz = np.empty(4)
    mujoco.mju_mat2Quat(wxyz, np.ascontiguousarray(matrix, dtype=np.float64).reshape(9))
    wxyz = wxyz if wxyz[0] >= 0 else -wxyz
    return np.array([wxyz[1], wxyz[2], wxyz[3], wxyz[0]])


class RobotState:
    """Poses relative to the base of the first robot of a robosuite environment.

    Handles go stale when the environment rebuilds its simulation (hard reset): make a new one then.
    """

    def __init__(self, env: Any) -> None:
        self._robot = env.robots[0]
        self._model, self._data = env.sim.model, env.sim.data
        base = self._model.body_name2id(self._robot.robot_model.root_body)
        self.base_position = np.array(self._data.body_xpos[base])
        self.base_quaternion = quaternion_from_matrix(self._data.body_xmat[base])
        self._site = self._robot.eef_site_id
        self._fingers = self._robot._ref_gripper_joint_pos_indexes

    def to_base(self, position: np.ndarray, quaternion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A world pose (position (3,) m, quaternion x, y, z, w) in the base frame."""
        inverse = quaternion_conjugate(self.base_quaternion)
        return rotate(inverse, np.asarray(position) - self.base_position), quaternion_multiply(inverse, quaternion)

    def tool(self) -> tuple[np.ndarray, np.ndarray]:
        """Pose of grip_site in the base frame."""
        return self.to_base(
            np.array(self._data.site_xpos[self._site]), quaternion_from_matrix(self._data.site_xmat[self._site])
        )

    def body(self, body_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Pose of a body in the base frame."""
        return self.to_base(
            np.array(self._data.body_xpos[body_id]), quaternion_from_matrix(self._data.body_xmat[body_id])
        )

    def opening(self) -> float:
        """Gripper opening, 0 closed .. 1 open."""
        left, right = self._data.qpos[self._fingers]
        return float(np.clip((left - right) / (2 * GRIPPER_TRAVEL), 0.0, 1.0))


def grasped(env: Any, geoms: Iterable[str]) -> bool:
    """Whether both finger pads touch one of the named geoms: robosuite's own rule."""
    return bool(env._check_grasp(gripper=env.robots[0].gripper, object_geoms=list(geoms)))


def visible_regions(
    segmentation: np.ndarray, body_of_geom: np.ndarray, bodies: set[int]
) -> tuple[tuple[int, int, int, int] | None, tuple[float, float] | None]:
    """Box (x0, y0, x1, y1) px and centroid (u, v) px of the pixels that show one of the bodies; None where hidden.

    Args:
        segmentation: upright (height, width, 2): MuJoCo object type and id per pixel, -1 background.
        body_of_geom: (ngeom,) body id of each geom.
        bodies: ids of the bodies that make up the object.
    """
    import mujoco

    is_geom = segmentation[..., 0] == int(mujoco.mjtObj.mjOBJ_GEOM)
    ids = np.where(is_geom, segmentation[..., 1], 0)
    mask = is_geom & np.isin(body_of_geom[ids], list(bodies))
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return None, None
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return box, (float(columns.mean()), float(rows.mean()))
