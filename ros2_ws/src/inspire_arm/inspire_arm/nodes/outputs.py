"""What an arm's controller is told, as messages: one small class per kind, chosen by the parameter `controller`."""

from __future__ import annotations

from typing import Protocol

from geometry_msgs.msg import PoseStamped, TwistStamped, Vector3
from rclpy.node import Node

from inspire_arm.adapters import TWIST
from inspire_arm.adapters.twist import seen_from_tool
from inspire_arm.motion import Command
from inspire_arm.nodes.controller_parameters import ControllerParameters
from inspire_policy.ros import messages, qos

POSE_TOPIC, TWIST_TOPIC = "arm/target_pose", "arm/delta_twist_cmds"
DRY_RUN = "arm/dry_run/"


class Output(Protocol):
    """Publishes commands."""

    def say(self, command: Command, now: int) -> None:
        """Publish a command at `now` (ROS time, ns)."""


class PoseOutput:
    """Target poses in the base frame, stamped with the time they are for."""

    def __init__(self, node: Node, topic: str, frame: str) -> None:
        self._frame = frame
        self._publisher = node.create_publisher(PoseStamped, topic, qos.COMMAND)

    def say(self, command: Command, now: int) -> None:
        """See `Output.say`."""
        message = messages.to_pose_stamped(command.position, command.quaternion, command.stamp, self._frame)
        self._publisher.publish(message)


class TwistOutput:
    """Twists in the base frame or the tool frame, stamped now: Servo drops one whose stamp is 0.1 s old."""

    def __init__(self, node: Node, topic: str, frame: str, *, lead_gain: float, in_tool: bool) -> None:
        self._frame, self._lead_gain, self._in_tool = frame, lead_gain, in_tool
        self._publisher = node.create_publisher(TwistStamped, topic, qos.COMMAND)

    def say(self, command: Command, now: int) -> None:
        """See `Output.say`."""
        twist = seen_from_tool(command, self._lead_gain) if self._in_tool else command.twist
        message = TwistStamped()
        message.header.stamp = messages.to_stamp(now)
        message.header.frame_id = self._frame
        message.twist.linear = Vector3(**dict(zip("xyz", twist.linear.tolist())))
        message.twist.angular = Vector3(**dict(zip("xyz", twist.angular.tolist())))
        self._publisher.publish(message)


def make_output(node: Node, settings: ControllerParameters, *, dry_run: bool = False) -> Output:
    """The output of a controller, or its copy under `arm/dry_run`."""
    if settings.controller != TWIST:
        topic = POSE_TOPIC.replace("arm/", DRY_RUN) if dry_run else settings.command_topic or POSE_TOPIC
        return PoseOutput(node, topic, settings.base_frame)
    return TwistOutput(
        node,
        TWIST_TOPIC.replace("arm/", DRY_RUN) if dry_run else settings.command_topic or TWIST_TOPIC,
        settings.twist_frame,
        lead_gain=settings.lead_gain,
        in_tool=settings.twist_frame != settings.base_frame,
    )
