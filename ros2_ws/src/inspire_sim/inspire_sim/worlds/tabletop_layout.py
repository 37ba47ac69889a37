"""Where things stand on the tabletop: random scenes per seed, in the table frame (x off the robot, y left, metres).

Cells of a fixed grid are held out: a training target never stands in one, the split "unseen_positions" puts it nowhere
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from inspire_sim.worlds.tabletop_tasks import TRAINED_OBJECTS, UNSEEN_OBJECT, Task, sentence_of, tasks_of

X_RANGE = (-0.15, 0.12)
Y_RANGE = (-0.26, -0.01)
SPACING = 0.11  # between object centres: the open gripper is 0.12 wide
CELL = 0.045
DISTRACTORS = ("red_box", "blue_box")
YAW_RANGE = {"cereal": 0.4}  # rad; the box is wider than the gripper, the others fit at any angle
DESTINATION_CENTRES = {"bin": (0.06, 0.22), "plate": (-0.14, 0.22)}
DESTINATION_JITTER = 0.015


@dataclass(frozen=True)
class Scene:
    """One random scene: object -> (x, y, yaw), destination -> (x, y), and the split's changes of camera and light."""

    task: Task
    sentence: str
    objects: Mapping[str, tuple[float, float, float]]
    destinations: Mapping[str, tuple[float, float]]
    camera_offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    camera_tilt: np.ndarray = field(default_factory=lambda: np.zeros(3))
    light_gain: float = 1.0
    light_offset: np.ndarray = field(default_factory=lambda: np.zeros(3))


def held_out(x: float, y: float) -> bool:
    """Whether a table position (m) lies in a cell that training targets never use (one cell in five)."""
    return (int(np.floor((x - X_RANGE[0]) / CELL)) + 2 * int(np.floor((y - Y_RANGE[0]) / CELL))) % 5 == 0


def sample_scene(seed: int, *, task: Task | None, split: str) -> Scene:
    """The scene of a seed: 3 to 5 objects, the target among them. The same arguments give the same scene."""
    rng = np.random.default_rng([seed, 20250513])
    choices = tasks_of(split)
    drawn = choices[int(rng.integers(len(choices)))]
    task = task or drawn
    sentence = sentence_of(task, split, rng)
    others = [name for name in TRAINED_OBJECTS if name != task.object]
    present = [task.object, *rng.permutation(others)[: rng.integers(2, 5)]]
    if split == "distractors":
        present = [*present[:4], UNSEEN_OBJECT, *DISTRACTORS]
    places = _places(rng, len(present), split == "unseen_positions")
    objects = {}
    for name, (x, y) in zip(present, places):
        limit = YAW_RANGE.get(str(name), np.pi)
        objects[str(name)] = (x, y, float(rng.uniform(-limit, limit)))
    destinations = {}
    for name, (x, y) in DESTINATION_CENTRES.items():
        dx, dy = rng.uniform(-DESTINATION_JITTER, DESTINATION_JITTER, 2)
        destinations[name] = (x + float(dx), y + float(dy))
    scene = Scene(task, sentence, objects, destinations)
    if split == "camera_shift":
        return Scene(
            task, sentence, objects, destinations,
            camera_offset=rng.uniform(-0.03, 0.03, 3), camera_tilt=rng.uniform(-0.04, 0.04, 3),
        )  # fmt: skip
    if split == "light_shift":
        return Scene(
            task, sentence, objects, destinations,
            light_gain=float(rng.choice([0.5, 0.65, 1.35, 1.5])), light_offset=rng.uniform(-1.0, 1.0, 3) * [1, 1, 0],
        )  # fmt: skip
    return scene


def _places(rng: np.random.Generator, count: int, target_held_out: bool) -> list[tuple[float, float]]:
    """Random positions at least SPACING apart, the first of them inside or outside the held-out cells."""
    spacing = SPACING if count <= 5 else 0.085
    while True:
        places: list[tuple[float, float]] = []
        for _ in range(400):
            x, y = float(rng.uniform(*X_RANGE)), float(rng.uniform(*Y_RANGE))
            if not places and held_out(x, y) != target_held_out:
                continue
            if all((x - a) ** 2 + (y - b) ** 2 >= spacing**2 for a, b in places):
                places.append((x, y))
            if len(places) == count:
                return places
