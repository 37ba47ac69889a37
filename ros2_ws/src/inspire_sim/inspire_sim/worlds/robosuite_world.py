"""What every world on robosuite 1.4 shares: stepping, looking, where things are seen, and putting the renderer away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from inspire_policy.action import ActionContract
from inspire_sim.worlds.base import Episode, Observation, WorldError
from inspire_sim.worlds.camera_view import CameraView, camera_view
from inspire_sim.worlds.rendering import fast_rendering, focal_lengths, free_rendering, render, render_segmentation
from inspire_sim.worlds.robosuite_state import CAMERAS, RobotState, visible_regions


class RobosuiteWorld:
    """The common half of `inspire_sim.worlds.base.World`; a world adds its scenes, its truth and its success.

    Args:
        name: the world's. image_size: height and width of both camera images, px.
        stock_rendering: draw as robosuite does, for comparison.
    """

    contract = ActionContract()
    cameras = tuple(CAMERAS)

    def __init__(self, name: str, *, image_size: int, stock_rendering: bool) -> None:
        self.name = name
        self.focal_lengths: Mapping[str, float] = {}
        self._size = image_size
        self._stock = stock_rendering
        self._episode: Episode | None = None
        self._env: Any = None
        self._robot: RobotState

    @property
    def episode(self) -> Episode:
        """See `World.episode`."""
        if self._episode is None:
            raise WorldError(f"{self.name}: expected reset(seed) first, found no episode")
        return self._episode

    def step(self, action: np.ndarray) -> None:
        """See `World.step`."""
        self._env.step(np.clip(action, -1.0, 1.0))

    def observe(self, images: bool = True) -> Observation:
        """See `World.observe`."""
        position, quaternion = self._robot.tool()
        views = {}
        if images:
            views = {name: render(self._env.sim, camera, self._size, self._size) for name, camera in CAMERAS.items()}
        return Observation(views, position, quaternion, self._robot.opening())

    def view(self, camera: str) -> CameraView:
        """What a camera shows now, object by object: masks, hidden parts, pose. Raises WorldError on an unknown one."""
        if camera not in CAMERAS:
            raise WorldError(f"{self.name}: expected a camera of {', '.join(CAMERAS)}, found {camera!r}")
        return camera_view(self._env.sim, CAMERAS[camera], self._size, self._object_bodies(), self._robot)

    def _object_bodies(self) -> dict[str, set[int]]:
        """Name, as in `truth`, -> ids of its bodies, of all objects in the running scene that have any."""
        raise NotImplementedError

    def close(self) -> None:
        """See `World.close`."""
        if self._env is not None:
            free_rendering(self._env.sim)
            self._env.close()
            self._env = None

    def _take(self, env: Any) -> None:
        """Make a fresh robosuite environment this world's."""
        self._env = env
        if not self._stock:
            fast_rendering(env.sim)
        self.focal_lengths = focal_lengths(env.sim, CAMERAS, self._size)

    def _open_gripper(self) -> None:
        """Forget the gripper's last command, which a soft reset keeps, and with it the episode before."""
        gripper = self._env.robots[0].gripper
        gripper.current_action = np.zeros(gripper.dof)

    def _check_split(self, split: str, splits: Iterable[str]) -> None:
        if split not in splits:
            raise WorldError(f"{self.name}: expected a split of {', '.join(splits)}, found {split!r}")

    def _regions(self, bodies: Mapping[str, set[int]]) -> dict[str, tuple[dict, dict]]:
        """Boxes and points, by camera, of objects that are made of these bodies."""
        found: dict[str, tuple[dict, dict]] = {name: ({}, {}) for name in bodies}
        for view, camera in CAMERAS.items():
            picture = render_segmentation(self._env.sim, camera, self._size, self._size)
            for name, parts in bodies.items():
                box, point = visible_regions(picture, self._env.sim.model.geom_bodyid, parts)
                found[name][0][view], found[name][1][view] = box, point
        return found


def descendants(parents: np.ndarray, root: int) -> set[int]:
    """A body and all below it; MuJoCo numbers parents before their children. Args: parents: `model.body_parentid`."""
    found = {int(root)}
    for body in range(int(root) + 1, len(parents)):
        if int(parents[body]) in found:
            found.add(body)
    return found
