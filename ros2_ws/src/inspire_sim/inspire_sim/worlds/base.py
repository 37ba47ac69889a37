"""The one interface of every simulated world: reset(seed), step(action), observation, ground truth, success.

Poses are of robosuite's `grip_site` in the robot's base frame (REP-103: x front, y left, z up), metres; images are
upright RGB uint8, shape (height, width, 3), row 0 on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inspire_policy.action import ActionContract
from inspire_policy.observations import PolicyObservation

if TYPE_CHECKING:
    from inspire_sim.worlds.camera_view import CameraView


class WorldError(Exception):
    """A world cannot do what was asked; the message says what was expected, what was found and how to mend it."""


@dataclass(frozen=True)
class Observation:
    """What a robot sees and feels.

    Attributes:
        images: camera name ("agentview", "wrist") -> upright RGB uint8 (height, width, 3).
        tool_position: (3,) m. tool_quaternion: (4,) x, y, z, w. Both of grip_site in the base frame.
        gripper_opening: 0 closed .. 1 open.
    """

    images: Mapping[str, np.ndarray]
    tool_position: np.ndarray
    tool_quaternion: np.ndarray
    gripper_opening: float

    def for_policy(self, stamp: int = 0) -> PolicyObservation:
        """The same as a policy takes it, observed at `stamp` ns."""
        return PolicyObservation(self.images, self.tool_position, self.tool_quaternion, self.gripper_opening, stamp)


@dataclass(frozen=True)
class ObjectState:
    """Privileged state of one object in the base frame.

    Attributes:
        name: as spoken. role: "target", "destination" or "other".
        position: body origin (3,) m, with the published height offset of containers. quaternion: (4,) x, y, z, w.
        anchor: (3,) m, where the tool should be to grasp it (target) or to let go over it (destination).
        grasp_yaw: rad, turn of the tool about z that suits a grasp, relative to fingers opening along the base's y.
        grasped: both finger pads touch it.
        direction: word of `inspire_policy.directions.REP103`.
        boxes: camera -> (x0, y0, x1, y1) px of the visible part, None when hidden; filled by `truth(images=True)`.
        points: camera -> (u, v) px of its visible centroid, likewise.
    """

    name: str
    role: str
    position: np.ndarray
    quaternion: np.ndarray
    anchor: np.ndarray
    grasp_yaw: float
    grasped: bool
    direction: str
    boxes: Mapping[str, tuple[int, int, int, int] | None] = field(default_factory=dict)
    points: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """Privileged state of the scene: objects named in the instruction first, in order of mention."""

    objects: tuple[ObjectState, ...]
    tool_position: np.ndarray
    tool_quaternion: np.ndarray
    gripper_opening: float


@dataclass(frozen=True)
class Episode:
    """What `reset` started: the task, its instruction, the objects named in it (order of mention), the step limit."""

    seed: int
    task: str
    instruction: str
    objects: tuple[str, ...]
    max_steps: int
    split: str = "train"


class World(Protocol):
    """A simulated body and its task."""

    name: str
    contract: ActionContract
    cameras: tuple[str, ...]

    @property
    def focal_lengths(self) -> Mapping[str, float]:
        """Camera name -> focal length, px."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks; a task may also be chosen by its index in this list."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the held-out splits, "train" first."""

    @property
    def episode(self) -> Episode:
        """The running episode. Raises WorldError before the first reset."""

    def reset(self, seed: int, *, task: str = "", split: str = "train") -> Episode:
        """Start an episode; the same seed, task and split give the same one. Raises WorldError on an unknown name."""

    def step(self, action: np.ndarray) -> None:
        """Apply one OSC_POSE action, shape (7,), [-1, 1], gripper -1 open .. +1 close, for one control period."""

    def observe(self, images: bool = True) -> Observation:
        """The observation now; without images the mapping is empty (rendering is most of the cost)."""

    def truth(self, images: bool = False) -> Truth:
        """The privileged state now; with images also boxes and points, from segmentation renders."""

    def view(self, camera: str) -> CameraView:
        """What a camera shows now, object by object; for grounding. Raises WorldError on an unknown camera."""

    def success(self) -> bool:
        """Whether the task's own predicate holds now."""

    def close(self) -> None:
        """Free the renderer."""
