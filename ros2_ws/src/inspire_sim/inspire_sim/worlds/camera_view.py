"""What a camera shows, object by object: masks, how much of each is hidden, intrinsics and pose; for grounding records.

An object alone is drawn by putting its drawn geoms into a visibility group of their own for the time of one render, so
that nothing in the scene moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inspire_policy.rotations import quaternion_conjugate, rotate
from inspire_sim.worlds.rendering import focal_lengths, render_segmentation
from inspire_sim.worlds.robosuite_state import RobotState, quaternion_from_matrix

ALONE = 5  # a visibility group of MuJoCo that robosuite does not use


@dataclass(frozen=True)
class CameraView:
    """One camera now.

    Attributes:
        names: of the objects. segments: uint8 (height, width), upright: 1 + index into `names`, 0 for all else.
        whole: per object the pixels it would have without anything in front of it.
        position: (3,) m, quaternion: (4,) x, y, z, w: the optical frame (x right, y down, z forward) in the base frame.
        intrinsics: fx, fy, cx, cy, px; continuous, the image's upper left corner is (0, 0).
    """

    names: tuple[str, ...]
    segments: np.ndarray
    whole: Mapping[str, int]
    position: np.ndarray
    quaternion: np.ndarray
    intrinsics: tuple[float, float, float, float]

    def mask(self, name: str) -> np.ndarray:
        """Visible pixels of an object, bool (height, width)."""
        return self.segments == self.names.index(name) + 1

    def project(self, point: np.ndarray) -> tuple[float, float] | None:
        """Pixels of a point (3,) of the base frame, perhaps outside the image; None when it is behind the camera."""
        x, y, z = rotate(quaternion_conjugate(self.quaternion), np.asarray(point, dtype=float) - self.position)
        if z < 1e-6:
            return None
        fx, fy, cx, cy = self.intrinsics
        return float(fx * x / z + cx), float(fy * y / z + cy)


def camera_view(sim: Any, camera: str, size: int, objects: Mapping[str, set[int]], robot: RobotState) -> CameraView:
    """The view of a camera of a simulation with an offscreen context.

    Args:
        camera: the simulation's name. size: height and width, px. objects: name -> ids of the bodies it is made of.
    """
    import mujoco

    picture = render_segmentation(sim, camera, size, size)
    number_of_body = np.zeros(sim.model.nbody, dtype=np.uint8)
    for number, bodies in enumerate(objects.values(), start=1):
        number_of_body[list(bodies)] = number
    is_geom = picture[..., 0] == int(mujoco.mjtObj.mjOBJ_GEOM)
    body = sim.model.geom_bodyid[np.where(is_geom, picture[..., 1], 0)]
    segments = np.where(is_geom, number_of_body[body], 0).astype(np.uint8)
    index = sim.model.camera_name2id(camera)
    position, quaternion = robot.to_base(
        np.array(sim.data.cam_xpos[index]),
        quaternion_from_matrix(np.array(sim.data.cam_xmat[index]).reshape(3, 3) @ np.diag([1.0, -1.0, -1.0])),
    )
    focal = focal_lengths(sim, {camera: camera}, size)[camera]
    return CameraView(
        names=tuple(objects),
        segments=segments,
        whole={name: _pixels_alone(sim, camera, size, bodies) for name, bodies in objects.items()},
        position=position,
        quaternion=quaternion,
        intrinsics=(focal, focal, size / 2, size / 2),
    )


def _pixels_alone(sim: Any, camera: str, size: int, bodies: set[int]) -> int:
    """Pixels of an object when no other geom is drawn."""
    import mujoco

    groups, shown = sim.model.geom_group, sim._render_context_offscreen.vopt.geomgroup
    before, shown_before = groups.copy(), shown.copy()
    geoms = np.isin(sim.model.geom_bodyid, list(bodies)) & shown_before[before].astype(bool)
    try:
        groups[geoms] = ALONE
        shown[:] = 0
        shown[ALONE] = 1
        picture = render_segmentation(sim, camera, size, size)
        return int(((picture[..., 0] == int(mujoco.mjtObj.mjOBJ_GEOM)) & geoms[picture[..., 1]]).sum())
    finally:
        groups[:] = before
        shown[:] = shown_before
