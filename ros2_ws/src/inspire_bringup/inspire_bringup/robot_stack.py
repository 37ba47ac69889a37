"""A real arm as a stack: gate, the driver's state in this project's words, cameras and policy. Realtime.

The arm is a parameter file; nothing else differs between arms. Motion is disabled and the deadman required unless the
arguments say otherwise, and policy and cameras wait for their lifecycle transitions.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import yaml

from inspire_bringup.camera_stack import CAMERA_SOURCE, DISCOVERY, DISCOVERY_RANGE, NAMESPACE, camera_nodes
from inspire_bringup.errors import BadInput
from inspire_bringup.paths import parameter_file
from inspire_bringup.stacks import (
    AGREEMENT,
    FOXGLOVE_PORT,
    NodeSpec,
    Stack,
    StackArgument,
    Value,
    absolute_namespace,
    agreement_monitor,
    bundle_folder,
    live_view,
)

ARMS = ("franka", "ur_servo")
COMMANDERS = ("policy", "none")
ANY = "any"

ROBOT_ARGUMENTS: tuple[StackArgument, ...] = (
    StackArgument(
        name="arm",
        default=ARMS[0],
        description=f"The arm's parameter file: {', '.join(ARMS)} (in config/), or the path of your own.",
    ),
    StackArgument(
        name="enable_motion",
        default=False,
        description="Whether commands are sent to the arm from the start; without, they are shown under arm/dry_run "
        "until `ros2 param set arm_gate enable_motion true`.",
    ),
    StackArgument(
        name="deadman_required",
        default=True,
        description="Whether the arm moves only while true is heard on arm/deadman. Never false with people near.",
    ),
    StackArgument(
        name="commander",
        default=COMMANDERS[0],
        choices=COMMANDERS,
        description="Who drives: the policy of the bundle, or none (your own node, teleoperation).",
    ),
    StackArgument(name="bundle", default="tabletop", description="Name of a shipped bundle or path of its folder."),
    StackArgument(
        name="body",
        default="",
        description=f"Robot that the bundle must have been made for; empty: the arm's name; {ANY}: not checked.",
    ),
    StackArgument(
        name="cameras",
        default="",
        description="Cameras to start, as names with serial numbers between commas, such as "
        "agentview:123456,wrist:654321; empty: they are started elsewhere (realsense-ros, camera.launch.py).",
    ),
    CAMERA_SOURCE,
    StackArgument(
        name="autostart",
        default=False,
        description="Whether policy and cameras configure and activate themselves; without: `ros2 lifecycle set`.",
    ),
    StackArgument(
        name="fake_arm",
        default=False,
        description="Instead of the arm's driver start a stand-in with the time-outs, frames and refusals of its "
        "controller, to try the stack without an arm.",
    ),
    AGREEMENT,
    FOXGLOVE_PORT,
    NAMESPACE,
    DISCOVERY_RANGE,
)


def robot_stack(
    *,
    arm: str = ARMS[0],
    enable_motion: bool = False,
    deadman_required: bool = True,
    commander: str = COMMANDERS[0],
    bundle: str = "tabletop",
    body: str = "",
    cameras: str = "",
    camera_source: str = "live",
    autostart: bool = False,
    fake_arm: bool = False,
    agreement: str = "off",
    foxglove_port: int = 0,
    namespace: str = "",
    discovery_range: str = "LOCALHOST",
) -> Stack:
    """The stack of a real arm. Args: as described by ROBOT_ARGUMENTS.

    Raises:
        BadInput: a value is not among its choices, or a file or bundle does not exist.
    """
    values = {"commander": commander, "camera_source": camera_source, "discovery_range": discovery_range}
    for argument in ROBOT_ARGUMENTS:
        if argument.name in values:
            argument.parse(values[argument.name])
    namespace = absolute_namespace(namespace)
    file = str(parameter_file(arm))
    _check_order(file)
    node = partial(NodeSpec, namespace=namespace, parameter_files=(file,))
    gate: dict[str, Value] = {"mode": "realtime", "enable_motion": enable_motion, "deadman_required": deadman_required}
    driver = "fake_arm" if fake_arm else "arm_state"
    if fake_arm:  # it speaks the project's own topics, and has no action server
        gate |= {"command_topic": "", "gripper_output": "joint_state", "gripper_target": ""}
    nodes = [
        node(package="inspire_arm", executable="arm_gate", name="arm_gate", stop_order=1, parameters=gate),
        node(package="inspire_arm", executable=driver, name=driver, stop_order=2),
        *camera_nodes(cameras, source=camera_source, autostart=autostart, namespace=namespace, required=False),
    ]
    if commander == "policy":
        brain: dict[str, Value] = {"mode": "realtime", "bundle": bundle_folder(bundle), "autostart": autostart}
        brain["body"] = "" if body == ANY else body or Path(file).stem
        nodes.append(
            node(package="inspire_policy", executable="policy_node", name="policy", lifecycle=True, parameters=brain)
        )
    nodes += agreement_monitor(agreement, namespace=namespace)
    seen = ",".join(str(spec.parameters["camera_name"]) for spec in nodes if spec.executable == "camera_node")
    nodes += live_view(foxglove_port, namespace=namespace, cameras=seen or "agentview,wrist")
    return Stack(
        name="robot",
        namespace=namespace,
        commander=commander,
        nodes=tuple(nodes),
        environment={DISCOVERY: discovery_range},
    )


def _check_order(file: str) -> None:
    """ROS reads sections in the order in which their names first appear, and arguments are one of `/**`.

    Raises BadInput on a file that would win over enable_motion and deadman_required.
    """
    try:
        sections = list(yaml.safe_load(Path(file).read_text()) or {})
    except (yaml.YAMLError, TypeError, UnicodeDecodeError) as error:
        raise BadInput(f"arm: expected a YAML file of ROS parameters, found {file}: {error}") from error
    if "/**" in sections[:-1]:
        found = ", ".join(sections)
        raise BadInput(
            f"arm: expected the section /** last in {file}, found {found}: sections below it win over launch arguments"
        )
