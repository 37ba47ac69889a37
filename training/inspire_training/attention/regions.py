"""Where objects are in the camera's image when only their positions were recorded.

The simulated world is reset to the recorded episode once: it tells each object's box and position at the start, and the
calibrated camera. From then on a box follows the projection of its object: shifted with it, and scaled by its distance.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspire_policy.rotations import quaternion_conjugate, rotate
from inspire_sim.worlds.base import World, WorldError
from inspire_sim.worlds.camera_view import CameraView
from inspire_sim.worlds.registry import make_world
from inspire_training.attention.frames import CAMERA
from inspire_training.grounding.records import Box

SAME = 2e-3  # m; a recorded start and the world's own differ by less
BY_PROJECTION = "boxes projected by the calibrated camera"


class SceneBoxes:
    """Boxes of the objects of one recorded episode.

    Attributes:
        starts: object -> position (3,) m at the reset.
    """

    def __init__(self, view: CameraView, starts: Mapping[str, np.ndarray]) -> None:
        self.starts = {name: np.asarray(place, dtype=float) for name, place in starts.items()}
        self._view = view
        self._boxes = {name: box for name in view.names if (box := _box(view.mask(name))) is not None}

    def masks(self, positions: Mapping[str, np.ndarray], shape: tuple[int, int]) -> dict[str, np.ndarray]:
        """Filled boxes, bool of `shape` (H, W), with some objects at positions (3,) m and the others at their start."""
        found = {}
        height, width = shape
        scale = np.array([width, height] * 2) / np.array(self._view.segments.shape[::-1] * 2)
        for name, box in self._boxes.items():
            start = self.starts[name]
            moved = self._moved(box, start, np.asarray(positions.get(name, start), dtype=float))
            if moved is None:
                continue
            x0, y0, x1, y1 = np.array(moved) * scale
            mask = np.zeros(shape, dtype=bool)
            mask[max(0, round(y0)) : max(0, round(y1)), max(0, round(x0)) : max(0, round(x1))] = True
            if mask.any():
                found[name] = mask
        return found

    def _moved(self, box: Box, start: np.ndarray, now: np.ndarray) -> Box | None:
        """A box of an object at `start` when that is at `now`; None behind the camera."""
        first, then = self._view.project(start), self._view.project(now)
        if first is None or then is None:
            return None
        size = self._depth(start) / self._depth(now)
        x0, y0, x1, y1 = box
        return (
            then[0] + size * (x0 - first[0]),
            then[1] + size * (y0 - first[1]),
            then[0] + size * (x1 - first[0]),
            then[1] + size * (y1 - first[1]),
        )

    def _depth(self, point: np.ndarray) -> float:
        return float(rotate(quaternion_conjugate(self._view.quaternion), point - self._view.position)[2])


class Scenes:
    """Resets worlds to recorded episodes; each world is made once. Says why where it cannot."""

    def __init__(self) -> None:
        self._worlds: dict[str, World | str] = {}

    def boxes(
        self,
        world: str,
        seed: int,
        task: str,
        splits: tuple[str, ...] = (),
        known: Mapping[str, np.ndarray] | None = None,
    ) -> SceneBoxes | str:
        """Of the first of `splits` (all of the world's when empty) that has the recorded positions at its start.

        Args:
            known: object -> recorded position (3,) m at the start, where it was recorded.

        Returns:
            The reason, where there is no such scene.
        """
        made = self._world(world)
        if isinstance(made, str):
            return made
        for split in splits or made.splits:
            try:
                made.reset(seed, task=task, split=split)
            except WorldError as error:
                return f"{world} cannot be reset to seed {seed}, task {task!r}: {error}"
            starts = {state.name: state.position for state in made.truth().objects}
            if all(name in starts and np.abs(starts[name] - at).max() < SAME for name, at in (known or {}).items()):
                return SceneBoxes(made.view(CAMERA), starts)
        return f"seed {seed}, task {task!r} of {world} starts with its objects elsewhere than recorded"

    def close(self) -> None:
        """Free the renderers."""
        for world in self._worlds.values():
            if not isinstance(world, str):
                world.close()

    def _world(self, name: str) -> World | str:
        if name not in self._worlds:
            try:
                self._worlds[name] = make_world(name)
            except WorldError as error:
                self._worlds[name] = str(error)
        return self._worlds[name]


def _box(mask: np.ndarray) -> Box | None:
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return None
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
