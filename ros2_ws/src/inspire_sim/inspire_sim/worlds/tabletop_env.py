"""The tabletop as a robosuite environment: Panda, table, the wheel's own objects, a bin built from boxes and a plate.

Everything exists from the start and a scene only moves it, so that a reset takes milliseconds. Cameras, observation
keys, OSC_POSE and the 20 Hz are those of LIBERO.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from robosuite.environments.manipulation.single_arm_env import SingleArmEnv
from robosuite.models.arenas import TableArena
from robosuite.models.objects import (
    BottleObject,
    BoxObject,
    BreadObject,
    CanObject,
    CerealObject,
    LemonObject,
    MilkObject,
)
from robosuite.models.tasks import ManipulationTask
from robosuite.utils.mjcf_utils import new_body, new_geom

from inspire_sim.worlds.decimation import decimate_visuals

TABLE_TOP = 0.8  # m, world
BIN_HALF = (0.085, 0.075)  # m, inner half sizes
BIN_WALL = (0.006, 0.055)  # m, half thickness and height
PLATE_RADIUS = 0.075
PLATE_HEIGHT = 0.01
AGENTVIEW_POSITION = (0.78, 0.01, 1.42)  # m, world; looks back at the robot, as in LIBERO
AGENTVIEW_QUATERNION = (0.6291, 0.3228, 0.3228, 0.6291)  # w, x, y, z: at the middle of the table
PARKED = (-6.0, -6.0)  # m, world x of the first parked object and y of all

_CLASSES = {
    "milk": MilkObject,
    "cereal": CerealObject,
    "can": CanObject,
    "bread": BreadObject,
    "bottle": BottleObject,
    "lemon": LemonObject,
}
_BOXES = {"red_box": (0.8, 0.15, 0.1, 1.0), "blue_box": (0.1, 0.2, 0.8, 1.0)}
OBJECTS = (*_CLASSES, *_BOXES)


class TabletopEnv(SingleArmEnv):
    """robosuite environment of the tabletop world; placement and success live in `TabletopWorld`."""

    def __init__(self, *, image_size: int, decimated: bool) -> None:
        self._decimated = decimated
        super().__init__(
            robots="Panda",
            gripper_types="default",
            initialization_noise=None,
            controller_configs=_osc_pose(),
            has_renderer=False,
            has_offscreen_renderer=True,
            use_camera_obs=False,
            control_freq=20,
            horizon=1_000_000,
            ignore_done=True,
            hard_reset=False,
            camera_names=["agentview", "robot0_eye_in_hand"],
            camera_heights=image_size,
            camera_widths=image_size,
        )

    def reward(self, action: np.ndarray | None = None) -> float:
        """No reward: success is the world's."""
        return 0.0

    def _load_model(self) -> None:
        super()._load_model()
        model = self.robots[0].robot_model
        model.set_base_xpos(model.base_xpos_offset["table"](0.8))
        arena = TableArena(table_full_size=(0.8, 0.8, 0.05), table_offset=(0, 0, TABLE_TOP))
        arena.set_origin([0, 0, 0])
        arena.set_camera("agentview", pos=AGENTVIEW_POSITION, quat=AGENTVIEW_QUATERNION, camera_attribs={"fovy": "40"})
        texture = arena.asset.find("./texture[@name='tex-ceramic']")
        # White milk on a white table is a riddle.
        texture.set("file", texture.get("file").replace("ceramic", "light-wood"))
        self.objects = {name: cls(name=name) for name, cls in _CLASSES.items()}
        for name, rgba in _BOXES.items():
            self.objects[name] = BoxObject(name=name, size=[0.022, 0.022, 0.022], rgba=rgba, density=200)
        arena.worldbody.append(_bin())
        arena.worldbody.append(_plate())
        self.model = ManipulationTask(
            mujoco_arena=arena, mujoco_robots=[model], mujoco_objects=list(self.objects.values())
        )

    def _initialize_sim(self, xml_string: str | None = None) -> None:
        xml = xml_string or self.model.get_xml()
        super()._initialize_sim(decimate_visuals(xml) if self._decimated else xml)

    def place(self, name: str, x: float, y: float, yaw: float) -> None:
        """Stand an object on the table at (x, y) m, world, turned by yaw rad about z."""
        z = TABLE_TOP + self.bottom(name) + 0.001
        self._set_solid(name, True)
        self._set_pose(name, (x, y, z), yaw)

    def park(self, name: str, slot: int) -> None:
        """Put an object out of sight and reach: it falls through the floor, which costs no contacts."""
        self._set_solid(name, False)
        self._set_pose(name, (PARKED[0] - 0.4 * slot, PARKED[1], 0.0), 0.0)

    def bottom(self, name: str) -> float:
        """Height of the body origin over the object's lowest point when it stands, m."""
        return _BOTTOMS[name]

    def _set_solid(self, name: str, solid: bool) -> None:
        for geom in self.objects[name].contact_geoms:
            index = self.sim.model.geom_name2id(geom)
            self.sim.model.geom_contype[index] = self.sim.model.geom_conaffinity[index] = int(solid)

    def _set_pose(self, name: str, position: tuple[float, float, float], yaw: float) -> None:
        quaternion = (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        joint = self.objects[name].joints[0]
        self.sim.data.set_joint_qpos(joint, np.array([*position, *quaternion]))
        self.sim.data.set_joint_qvel(joint, np.zeros(6))


# Measured on the wheel's meshes (lowest vertex against the body origin, m); the XML's sites are placement hints and
# looser.
_BOTTOMS = {
    "milk": 0.061,
    "cereal": 0.075,
    "can": 0.0403,
    "bread": 0.0233,
    "bottle": 0.0649,
    "lemon": 0.0199,
    "red_box": 0.022,
    "blue_box": 0.022,
}


def _osc_pose() -> dict[str, Any]:
    from robosuite.controllers import load_controller_config

    return load_controller_config(default_controller="OSC_POSE")


def _bin() -> Any:
    """An open box; its body origin lies on the floor of the bin."""
    thickness, height = BIN_WALL
    body = new_body(name="bin", pos=[0.06, 0.22, TABLE_TOP])
    half_x, half_y = BIN_HALF
    walls = {
        "floor": ((half_x + 2 * thickness, half_y + 2 * thickness, 0.003), (0, 0, 0.003)),
        "front": ((thickness, half_y + 2 * thickness, height / 2), (half_x + thickness, 0, height / 2)),
        "back": ((thickness, half_y + 2 * thickness, height / 2), (-half_x - thickness, 0, height / 2)),
        "left": ((half_x, thickness, height / 2), (0, half_y + thickness, height / 2)),
        "right": ((half_x, thickness, height / 2), (0, -half_y - thickness, height / 2)),
    }
    for name, (size, pos) in walls.items():
        body.append(
            new_geom(
                name=f"bin_{name}", type="box", size=size, pos=pos, rgba=[0.25, 0.35, 0.25, 1], group=1,
                friction=[1, 0.005, 0.0001],
            )
        )  # fmt: skip
    return body


def _plate() -> Any:
    """A flat disc with a darker ring, body origin on the table."""
    body = new_body(name="plate", pos=[-0.14, 0.22, TABLE_TOP])
    disc = [PLATE_RADIUS, PLATE_HEIGHT / 2]
    body.append(
        new_geom(
            name="plate_disc", type="cylinder", size=disc, pos=[0, 0, PLATE_HEIGHT / 2], rgba=[0.85, 0.85, 0.95, 1],
            group=1, friction=[1, 0.005, 0.0001],
        )
    )  # fmt: skip
    ring = new_geom(
        name="plate_ring", type="cylinder", size=[0.055, 0.0006], pos=[0, 0, PLATE_HEIGHT + 0.0005],
        rgba=[0.35, 0.45, 0.75, 1], group=1,
    )  # fmt: skip
    ring.set("contype", "0")
    ring.set("conaffinity", "0")
    body.append(ring)
    return body
