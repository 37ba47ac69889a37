"""What a gripper is told, as messages or goals: one small class per kind, chosen by the parameter `gripper_output`.

The gate says an opening on change only where `gripper_rule` is switch, so each is one goal. control_msgs, which the
wheels lack, is imported by the action grippers alone.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

from rclpy.action import ActionClient
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from inspire_arm.nodes.controller_parameters import JOINT_STATE, PARALLEL, POSITION, GripperParameters
from inspire_policy.ros import messages, qos
from inspire_policy.ros.parameters import ConfigurationError

RETRY_PERIOD = 0.1  # s, while the gripper's action server is not there


class Gripper(Protocol):
    """Tells a gripper openings."""

    def say(self, opening: float, stamp: int) -> None:
        """Tell an opening, 0 closed .. 1 open, at `stamp` ns."""


class JointStateGripper:
    """A JointState whose position is the opening: simulated grippers, and everybody who looks on."""

    def __init__(self, node: Node, topic: str) -> None:
        self._publisher = node.create_publisher(JointState, topic, qos.COMMAND)

    def say(self, opening: float, stamp: int) -> None:
        """See `Gripper.say`."""
        self._publisher.publish(messages.to_gripper(opening, stamp))


class PositionGripper:
    """A Float64 position in the joint's own unit."""

    def __init__(self, node: Node, settings: GripperParameters) -> None:
        self._range = settings.range
        self._publisher = node.create_publisher(Float64, settings.target or "arm/gripper_position", qos.COMMAND)

    def say(self, opening: float, stamp: int) -> None:
        """See `Gripper.say`."""
        self._publisher.publish(Float64(data=self._range.position(opening)))


class ActionGripper:
    """A goal of control_msgs' ParallelGripperCommand or GripperCommand; a newer one replaces one that waits."""

    def __init__(self, node: Node, settings: GripperParameters) -> None:
        self._node, self._settings = node, settings
        self._kind = control_msgs_action(settings.output)
        self._name = settings.target or "arm/gripper_cmd"
        self._client = ActionClient(node, self._kind, self._name)
        self._waiting: Any = None
        node.create_timer(RETRY_PERIOD, self._send, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def say(self, opening: float, stamp: int) -> None:
        """See `Gripper.say`. Without a server the goal waits for one."""
        self._waiting = self._goal(self._settings.range.position(opening))
        self._send()

    def _goal(self, position: float) -> Any:
        goal, effort = self._kind.Goal(), self._settings.max_effort
        if self._settings.output == PARALLEL:
            goal.command.name = [self._settings.joint]
            goal.command.position = [position]
            goal.command.effort = [effort] if effort > 0 else []
        else:
            goal.command.position, goal.command.max_effort = position, effort
        return goal

    def _send(self) -> None:
        if self._waiting is None:
            return
        if not self._client.server_is_ready():
            self._warn(f"expected an action server on {self._name}, found none yet; the goal waits for it")
            return
        goal, self._waiting = self._waiting, None
        self._client.send_goal_async(goal).add_done_callback(self._on_answer)

    def _on_answer(self, future: Future) -> None:
        handle = future.result()
        if handle is None or not handle.accepted:
            self._warn(f"expected {self._name} to accept the goal, found it refused; look at the gripper's controller")
            return
        handle.get_result_async().add_done_callback(self._on_result)

    def _on_result(self, future: Future) -> None:
        result = future.result()
        # A gripper that closes on something stalls short of its position; that is a grasp and no failure.
        if result is not None and not (result.result.reached_goal or result.result.stalled):
            self._warn(f"expected {self._name} to reach its goal or to stall on an object, found neither")

    def _warn(self, text: str) -> None:
        self._node.get_logger().warning(f"gripper: {text}", throttle_duration_sec=5.0)


def control_msgs_action(output: str) -> Any:
    """The action type of an output. Raises ConfigurationError that names the missing package."""
    name = "ParallelGripperCommand" if output == PARALLEL else "GripperCommand"
    try:
        from control_msgs import action

        return getattr(action, name)
    except (ImportError, AttributeError) as error:
        package = f"ros-{os.environ.get('ROS_DISTRO') or 'jazzy'}-control-msgs"
        raise ConfigurationError(
            f"parameter gripper_output: expected control_msgs with {name} for {output}, found: {error}; run "
            f"`apt-get install {package}`, or choose {POSITION}"
        ) from error


def make_gripper(node: Node, settings: GripperParameters) -> Gripper:
    """The gripper that the parameters describe. Raises ConfigurationError."""
    if settings.output == JOINT_STATE:
        return JointStateGripper(node, settings.target or "arm/gripper_target")
    if settings.output == POSITION:
        return PositionGripper(node, settings)
    return ActionGripper(node, settings)
