"""The LIBERO worlds: libero_spatial, libero_object, libero_goal, libero_10 and libero_90, with LIBERO's own scenes
and predicates.

Split "train" starts from LIBERO's recorded initial states (seed modulo their number), "random" from its placement
sampler. One LIBERO environment is kept for the running task and reused between its episodes; a change of task builds
another (about a second). After a reset the arm stands still for ten steps with the gripper open, as in every
published evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.directions import REP103, direction_axis
from inspire_policy.rotations import rotate
from inspire_sim.worlds.base import Episode, ObjectState, Truth, WorldError
from inspire_sim.worlds.decimation import decimate_visuals
from inspire_sim.worlds.grasping import CollisionShape, choose_grasp
from inspire_sim.worlds.libero_assets import find_assets, import_libero
from inspire_sim.worlds.libero_goal import next_placement, release_point
from inspire_sim.worlds.libero_tasks import (
    MAX_STEPS,
    choose_task,
    instruction_of,
    read_initial_states,
    spoken_names,
    suite_tasks,
)
from inspire_sim.worlds.robosuite_state import CAMERAS, RobotState
from inspire_sim.worlds.robosuite_world import RobosuiteWorld, descendants

SETTLE_STEPS = 10
REST = np.array([0.0] * 6 + [-1.0])
# m that the published label rule adds to the height of what things are put into
HEIGHT_OFFSETS = (("cabinet", 0.22152), ("two_layer_shelf", 0.22152), ("basket", 0.07185), ("wine_rack", 0.05903))


class LiberoWorld(RobosuiteWorld):
    """See `inspire_sim.worlds.base.World`.

    Args:
        name: one of the five suites. image_size: height and width of both camera images, px.
        assets: folder of LIBERO's assets, see `libero_assets.find_assets`.
        stock_rendering: draw as robosuite does, for comparison.

    Raises:
        WorldError: LIBERO or its assets are missing.
    """

    splits = ("train", "random")

    def __init__(
        self, name: str, *, image_size: int = 128, assets: str | None = None, stock_rendering: bool = False
    ) -> None:
        super().__init__(name, image_size=image_size, stock_rendering=stock_rendering)
        self._root = import_libero(find_assets(assets))
        self.tasks = suite_tasks(self._root, name)
        self._task = ""
        self._build(self.tasks[0])

    def reset(self, seed: int, *, task: str = "", split: str = "train") -> Episode:
        """See `World.reset`; a task is a name or an index into `tasks`; without one the seed chooses."""
        self._check_split(split, self.splits)
        chosen = choose_task(self.name, self.tasks, task) if task else self.tasks[seed % len(self.tasks)]
        if chosen != self._task:
            self._build(chosen)
        with _seeded(seed if split == "random" else 0):
            self._reset_env()
        if split == "train":
            self._env.sim.set_state_from_flattened(self._initial_states[seed % len(self._initial_states)])
            self._env.sim.forward()
        self._env._post_process()
        self._robot = RobotState(self._env)
        self._base_axes = np.stack([rotate(self._robot.base_quaternion, axis) for axis in np.eye(3)], axis=1)
        for _ in range(SETTLE_STEPS):
            self._env.step(REST)
        self._episode = Episode(seed, chosen, instruction_of(chosen), tuple(self._named), MAX_STEPS[self.name], split)
        return self._episode

    def truth(self, images: bool = False) -> Truth:
        """See `World.truth`; the target is the first object that the goal still wants moved, or the last."""
        position, quaternion = self._robot.tool()
        placement = next_placement(self._env, list(self._bodies))
        roles = {}
        if placement is not None:
            roles = {placement.owner or placement.place: "destination", placement.target: "target"}
        spoken = {instance: name for name, instance in self._named.items()}
        others = [i for i in self._env.objects_dict if i not in spoken]
        names = [*spoken, *(i for i in roles if i not in spoken and i not in others), *others]
        held = self._held()
        regions = self._regions({n: self._bodies[n] for n in names if n in self._bodies}) if images else {}
        anchors = self._anchors(placement, held) if placement is not None else {}
        states = []
        for instance in names:
            place, turn = self._pose(instance)
            anchor, yaw = anchors.get(roles.get(instance, ""), (place, 0.0))
            word = REP103.word(direction_axis(place - position, instance in held))
            states.append(
                ObjectState(
                    spoken.get(instance, instance.replace("_", " ")), roles.get(instance, "other"), place, turn,
                    anchor, yaw, instance in held, word, *regions.get(instance, ({}, {})),
                )
            )  # fmt: skip
        return Truth(tuple(states), position, quaternion, self._robot.opening())

    def _object_bodies(self) -> dict[str, set[int]]:
        spoken = {instance: name for name, instance in self._named.items()}
        present = [i for i in dict.fromkeys([*spoken, *self._env.objects_dict]) if i in self._bodies]
        return {spoken.get(i, i.replace("_", " ")): self._bodies[i] for i in present}

    def success(self) -> bool:
        """LIBERO's own predicate of the task."""
        return bool(self._env._check_success())

    def _build(self, task: str) -> None:
        """Make LIBERO's environment of a task."""
        from libero.libero.envs import TASK_MAPPING
        from libero.libero.envs.bddl_utils import get_problem_info
        from robosuite.controllers import load_controller_config

        self.close()
        bddl = _existing(self._root / "bddl_files" / self.name / f"{task}.bddl")
        self._initial_states = read_initial_states(self._root, self.name, task)
        with _seeded(0):
            problem = TASK_MAPPING[get_problem_info(str(bddl))["problem_name"]]
            env = (problem if self._stock else _decimated(problem))(
                bddl_file_name=str(bddl),
                robots=["Panda"],
                controller_configs=load_controller_config(default_controller="OSC_POSE"),
                gripper_types="default",
                initialization_noise=None,
                use_camera_obs=False,
                has_offscreen_renderer=True,
                render_gpu_device_id=-1,
                control_freq=round(self.contract.control_rate_hz),
                horizon=1_000_000,
                ignore_done=True,
                hard_reset=False,  # reuse the compiled model between the episodes of a task
                camera_names=list(CAMERAS.values()),
                camera_heights=self._size,
                camera_widths=self._size,
            )
        self._task = task
        self._take(env)
        instances = {**env.objects_dict, **env.fixtures_dict}
        parents = env.sim.model.body_parentid
        roots = {name: env.obj_body_id[name] for name in instances if name in env.obj_body_id}
        self._bodies = {name: descendants(parents, root) for name, root in roots.items()}
        self._shapes = {name: CollisionShape(env.sim.model, bodies) for name, bodies in self._bodies.items()}
        goal = env.parsed_problem["goal_state"]
        self._named = spoken_names(instruction_of(task), env.obj_of_interest, goal, list(self._bodies))

    def _reset_env(self) -> None:
        """LIBERO's reset; its sampler may fail to place the objects and is then asked again."""
        from robosuite.utils.errors import RandomizationError

        for attempt in range(20):
            try:
                self._env.reset()
                break
            except RandomizationError:
                if attempt == 19:
                    raise WorldError(f"{self._task}: expected a free placement of all objects, found none") from None
        self._open_gripper()

    def _pose(self, instance: str) -> tuple[np.ndarray, np.ndarray]:
        """Base-frame pose of an object, raised by the published offset, or of a region."""
        if instance not in self._bodies:
            site = np.array(self._env.sim.data.get_site_xpos(instance))
            return self._robot.to_base(site, np.array([0.0, 0.0, 0.0, 1.0]))
        position, quaternion = self._robot.body(self._env.obj_body_id[instance])
        offset = next((height for kind, height in HEIGHT_OFFSETS if kind in instance), 0.0)
        return position + np.array([0.0, 0.0, offset]), quaternion

    def _anchors(self, placement: Any, held: set[str]) -> dict[str, tuple[np.ndarray, float]]:
        """Role -> tool position in the base frame and yaw: to grasp the target, to let go over the destination."""
        data = self._env.sim.data
        points = self._to_base(self._shapes[placement.target].points(data))
        tool, _ = self._robot.tool()
        if placement.target in held:
            grasp = choose_grasp(points, np.zeros((0, 3)))
            reach = float(tool[2] - points[:, 2].min())
            aside = (tool - self._pose(placement.target)[0]) * (1.0, 1.0, 0.0)
        else:
            around = [shape.points(data) for name, shape in self._shapes.items() if name != placement.target]
            grasp = choose_grasp(points, self._to_base(np.concatenate([np.zeros((0, 3)), *around])))
            reach, aside = grasp.reach, np.zeros(3)
        owner = self._shapes.get(placement.owner or "")
        place = np.zeros((0, 3)) if owner is None else owner.points(data)
        release = release_point(self._env, placement, place, reach)
        return {
            "target": (grasp.anchor, grasp.yaw),
            "destination": (self._to_base(release[None])[0] + aside, 0.0),
        }

    def _to_base(self, points: np.ndarray) -> np.ndarray:
        """World points (n, 3) in the base frame."""
        return np.asarray((points - self._robot.base_position) @ self._base_axes)

    def _held(self, among: Iterable[str] | None = None) -> set[str]:
        """Objects that both finger pads touch: robosuite's `_check_grasp`, for all in one pass over the contacts.

        Args: among: instances; None: everything that is no fixture.
        """
        model, gripper = self._env.sim.model, self._env.robots[0].gripper
        pairs = np.asarray(self._env.sim.data.contact.geom).reshape(-1, 2)
        touched = []
        for side in ("left", "right"):
            pads = np.isin(pairs, [model.geom_name2id(geom) for geom in gripper.important_geoms[f"{side}_fingerpad"]])
            touched.append(set(model.geom_bodyid[pairs[:, ::-1][pads]].tolist()))
        asked = (i for i in (self._env.objects_dict if among is None else among) if i in self._bodies)
        return {i for i in asked if touched[0] & self._bodies[i] and touched[1] & self._bodies[i]}


def _decimated(problem: type) -> type:
    """LIBERO's environment with its drawn meshes decimated."""

    class Decimated(problem):
        def _initialize_sim(self, xml_string: str | None = None) -> None:
            super()._initialize_sim(decimate_visuals(xml_string or self.model.get_xml()))

    Decimated.__name__ = problem.__name__  # LIBERO compares it with the task file's
    return Decimated


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise WorldError(f"LIBERO: expected the task file {path}, found none; reinstall hf-libero")
    return path


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator, which LIBERO draws from, seeded inside and as it was afterwards."""
    state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(state)
