"""The tabletop world: "pick up the X and place it in the bin / on the plate", with only robosuite's own assets."""

from __future__ import annotations

import numpy as np

from inspire_policy.directions import REP103, direction_axis
from inspire_policy.rotations import rotate
from inspire_sim.worlds.base import Episode, ObjectState, Truth, WorldError
from inspire_sim.worlds.robosuite_state import RobotState, grasped
from inspire_sim.worlds.robosuite_world import RobosuiteWorld, descendants
from inspire_sim.worlds.tabletop_env import (
    BIN_HALF,
    BIN_WALL,
    OBJECTS,
    PLATE_HEIGHT,
    PLATE_RADIUS,
    TABLE_TOP,
    TabletopEnv,
)
from inspire_sim.worlds.tabletop_layout import Scene, sample_scene
from inspire_sim.worlds.tabletop_tasks import DESTINATIONS, SPLITS, TASKS, Task

MAX_STEPS = 240
SETTLE_STEPS = 5
# Metres over the object's origin; the palm is 4 cm up.
GRASP_HEIGHT = {"milk": 0.047, "cereal": 0.042, "can": 0.008, "bread": 0.005, "bottle": 0.062, "lemon": 0.0}
GRASP_YAW = ("cereal",)  # the others fit between the fingers at any angle


class TabletopWorld(RobosuiteWorld):
    """See `inspire_sim.worlds.base.World`.

    Args:
        image_size: height and width of both camera images, px.
        stock_rendering: draw as robosuite does, for comparison.
    """

    tasks = tuple(task.name for task in TASKS)
    splits = SPLITS

    def __init__(self, *, image_size: int = 128, stock_rendering: bool = False) -> None:
        super().__init__("tabletop", image_size=image_size, stock_rendering=stock_rendering)
        self._take(TabletopEnv(image_size=image_size, decimated=not stock_rendering))
        self._robot = RobotState(self._env)
        model = self._env.sim.model
        self._bodies = {name: model.body_name2id(self._env.objects[name].root_body) for name in OBJECTS}
        self._bodies |= {name: model.body_name2id(name) for name in DESTINATIONS}
        camera = model.camera_name2id("agentview")
        self._camera = camera
        self._nominal = (model.cam_pos[camera].copy(), model.cam_quat[camera].copy(), model.light_diffuse.copy(),
                         model.light_pos.copy())  # fmt: skip
        self._scene: Scene | None = None

    def reset(self, seed: int, *, task: str = "", split: str = "train") -> Episode:
        """See `World.reset`; a task is a name such as "milk_bin" or an index into `tasks`."""
        self._check_split(split, SPLITS)
        scene = sample_scene(seed, task=find_task(task) if task else None, split=split)
        self._scene = scene
        self._env.reset()
        self._open_gripper()
        self._arrange(scene)
        for _ in range(SETTLE_STEPS):
            self._env.step(np.array([0.0] * 6 + [-1.0]))
        named = (scene.task.object, scene.task.destination)
        self._episode = Episode(seed, scene.task.name, scene.sentence, named, MAX_STEPS, split)
        return self._episode

    def truth(self, images: bool = False) -> Truth:
        """See `World.truth`."""
        scene = self._running()
        position, quaternion = self._robot.tool()
        named = (scene.task.object, scene.task.destination)
        rest = [name for name in (*scene.objects, *DESTINATIONS) if name not in named]
        regions = self._regions(self._object_bodies()) if images else {}
        states = tuple(self._state(name, position, regions.get(name, ({}, {}))) for name in (*named, *rest))
        return Truth(states, position, quaternion, self._robot.opening())

    def success(self) -> bool:
        """The target lies in the bin or on the plate, touches it, and the gripper has let go."""
        task = self._running().task
        target = self._env.objects[task.object]
        if self._env.check_contact(self._env.robots[0].gripper, target):
            return False
        position = self._env.sim.data.body_xpos[self._bodies[task.object]]
        across = position - self._env.sim.data.body_xpos[self._bodies[task.destination]]
        if task.destination == "bin":
            inside = abs(across[0]) < BIN_HALF[0] and abs(across[1]) < BIN_HALF[1]
            support = [f"bin_{part}" for part in ("floor", "front", "back", "left", "right")]
        else:
            inside = bool(np.hypot(across[0], across[1]) < PLATE_RADIUS)
            support = ["plate_disc"]
        return bool(inside and self._env.check_contact(support, target))

    def _object_bodies(self) -> dict[str, set[int]]:
        parents = self._env.sim.model.body_parentid
        return {name: descendants(parents, self._bodies[name]) for name in (*self._running().objects, *DESTINATIONS)}

    def _running(self) -> Scene:
        if self._scene is None:
            raise WorldError("tabletop: expected reset(seed) first, found no episode")
        return self._scene

    def _arrange(self, scene: Scene) -> None:
        model = self._env.sim.model
        for slot, name in enumerate(OBJECTS):
            if name in scene.objects:
                self._env.place(name, *scene.objects[name])
            else:
                self._env.park(name, slot)
        for name, (x, y) in scene.destinations.items():
            model.body_pos[self._bodies[name]] = (x, y, TABLE_TOP)
        position, quaternion, diffuse, lights = self._nominal
        model.cam_pos[self._camera] = position + scene.camera_offset
        model.cam_quat[self._camera] = quaternion + np.array([0.0, *scene.camera_tilt / 2])
        model.cam_quat[self._camera] /= np.linalg.norm(model.cam_quat[self._camera])
        model.light_diffuse[:] = diffuse * scene.light_gain
        model.light_pos[:] = lights + scene.light_offset
        self._env.sim.forward()

    def _state(self, name: str, tool: np.ndarray, regions: tuple[dict, dict]) -> ObjectState:
        task = self._running().task
        position, quaternion = self._robot.body(self._bodies[name])
        role = {task.object: "target", task.destination: "destination"}.get(name, "other")
        movable = name in OBJECTS
        near = bool(np.abs(position - tool).max() < 0.12)  # the contact test is slow
        held = movable and near and grasped(self._env, self._env.objects[name].contact_geoms)
        anchor, yaw = self._grasp(name, position, quaternion) if movable else (self._release(name, position), 0.0)
        word = REP103.word(direction_axis(position - tool, held))
        return ObjectState(name, role, position, quaternion, anchor, yaw, held, word, *regions)

    def _grasp(self, name: str, position: np.ndarray, quaternion: np.ndarray) -> tuple[np.ndarray, float]:
        """Where and at which yaw to grasp: below the top of what stands, at the origin of what fell over."""
        up = rotate(quaternion, np.array([0.0, 0.0, 1.0]))
        height = GRASP_HEIGHT.get(name, 0.0) if up[2] > 0.8 else 0.0
        forward = rotate(quaternion, np.array([1.0, 0.0, 0.0]))
        yaw = float(np.arctan2(forward[1], forward[0])) if name in GRASP_YAW else 0.0
        yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2
        return position + np.array([0.0, 0.0, height]), yaw

    def _release(self, name: str, position: np.ndarray) -> np.ndarray:
        """Where the tool lets go: the target's bottom just over the plate, or the fingers above the bin's walls."""
        target = self._running().task.object
        reach = self._env.bottom(target) + GRASP_HEIGHT[target]
        height = PLATE_HEIGHT + reach + 0.012
        if name == "bin":
            height = max(BIN_WALL[1] + 0.03, reach + 0.03)
        return position + np.array([0.0, 0.0, height])


def find_task(name: str) -> Task:
    """The task of a name or of an index, as text; WorldError with the list of tasks otherwise."""
    if name.isdigit() and int(name) < len(TASKS):
        return TASKS[int(name)]
    for task in TASKS:
        if task.name == name:
            return task
    raise WorldError(
        f"tabletop: expected a task of {', '.join(t.name for t in TASKS)} or an index below {len(TASKS)}, "
        f"found {name!r}"
    )
