"""Parameters of the arm gate about the arm's controller and its gripper."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.node import Node

from inspire_arm.adapters import CONTROLLERS, IMPEDANCE_POSE, LeadLimits
from inspire_arm.gripper import GripperRange
from inspire_policy.action import ActionContract
from inspire_policy.ros.parameters import ConfigurationError, declare

JOINT_STATE, POSITION, PARALLEL, SINGLE = "joint_state", "position", "parallel_gripper_command", "gripper_command"
GRIPPER_OUTPUTS = (JOINT_STATE, POSITION, PARALLEL, SINGLE)


@dataclass(frozen=True)
class GripperParameters:
    """How the gripper is told: `output` is one of GRIPPER_OUTPUTS, `target` a topic or an action, empty for its own."""

    output: str
    target: str
    range: GripperRange
    joint: str
    max_effort: float


@dataclass(frozen=True)
class ControllerParameters:
    """How the arm's controller is told, in which frames, and how far a stiff target may be ahead of the arm."""

    controller: str
    command_topic: str
    base_frame: str
    twist_frame: str
    lead_gain: float
    lead_limits: LeadLimits
    gripper: GripperParameters


def declare_controller_parameters(node: Node, contract: ActionContract, *, switched: bool) -> ControllerParameters:
    """Declare them on `node`.

    Args:
        contract: gives frames and gain. switched: whether the gripper gets a goal on change only.

    Raises:
        ConfigurationError: a wrong value, or two that do not go together.
    """
    controller = declare(
        node,
        "controller",
        IMPEDANCE_POSE,
        "impedance_pose: measured pose (+) lead (CRISP, simulation); stiff_pose: a target that moves by v dt (FZI, "
        "franka); twist: v itself (MoveIt Servo).",
        choices=CONTROLLERS,
    )
    topic = declare(
        node,
        "command_topic",
        "",
        "Topic of the commands; empty: arm/target_pose, for twists arm/delta_twist_cmds.",
    )
    twist_frame = declare(
        node, "twist_frame", "", "Frame of the twists: base_frame or tool_frame, by name; empty: base_frame."
    )
    translation = declare(
        node,
        "max_lead",
        LeadLimits.translation,
        "stiff_pose: the target is at most so far from the measured pose, m; an arm that lags takes it back.",
        low=0.001,
        high=0.5,
    )
    rotation = declare(
        node,
        "max_lead_rotation",
        LeadLimits.rotation,
        "stiff_pose: the same for its rotation, rad.",
        low=0.001,
        high=1.0,
    )
    if twist_frame not in ("", contract.frame, contract.tool_frame):
        raise ConfigurationError(
            f"parameter twist_frame: expected {contract.frame} (base_frame) or {contract.tool_frame} (tool_frame), "
            f"found {twist_frame!r}"
        )
    return ControllerParameters(
        controller=controller,
        command_topic=topic,
        base_frame=contract.frame,
        twist_frame=twist_frame or contract.frame,
        lead_gain=contract.lead_gain,
        lead_limits=LeadLimits(translation=translation, rotation=rotation),
        gripper=_declare_gripper(node, switched=switched),
    )


def _declare_gripper(node: Node, *, switched: bool) -> GripperParameters:
    output = declare(
        node,
        "gripper_output",
        JOINT_STATE,
        "joint_state: JointState with the opening (simulation); position: Float64; parallel_gripper_command, "
        "gripper_command: actions of control_msgs.",
        choices=GRIPPER_OUTPUTS,
    )
    target = declare(
        node,
        "gripper_target",
        "",
        "Topic or action of the gripper's commands; empty: arm/gripper_target, for Float64 arm/gripper_position, for "
        "actions arm/gripper_cmd.",
    )
    closed, opened = (
        declare(
            node,
            f"gripper_{which}_position",
            default,
            f"Position of the gripper's joint when {which}, in its own unit (m, rad); not for joint_state.",
            low=-1000.0,
            high=1000.0,
        )
        for which, default in (("closed", 0.0), ("open", 1.0))
    )
    joint = declare(node, "gripper_joint", "gripper", "Name of the gripper's joint in a ParallelGripperCommand.")
    effort = declare(
        node,
        "gripper_max_effort",
        0.0,
        "Largest effort of a gripper's action, N or Nm; 0: the gripper's own.",
        low=0.0,
        high=1000.0,
    )
    if output in (PARALLEL, SINGLE) and not switched:
        raise ConfigurationError(
            f"parameter gripper_rule: expected switch with gripper_output {output}, which takes a goal on change only, "
            "found continuous"
        )
    try:
        return GripperParameters(output, target, GripperRange(closed, opened), joint, effort)
    except ValueError as error:
        raise ConfigurationError(f"parameters gripper_closed_position, gripper_open_position: {error}") from error
