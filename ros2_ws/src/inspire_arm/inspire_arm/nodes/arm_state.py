"""arm_state: a driver's own pose and joint states as `arm/state_pose` and `arm/gripper_state`.

A driver that speaks these topics itself needs no arm_state. Messages are passed on as they come, with their stamps;
what has another frame or lacks the joint is dropped with a warning, and the gate then holds for want of a pose.
"""

from __future__ import annotations

import sys

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from inspire_arm.gripper import GripperRange
from inspire_arm.native import BaseFrames
from inspire_policy.action import ActionContract
from inspire_policy.ros import messages, qos
from inspire_policy.ros.parameters import ConfigurationError, declare
from inspire_policy.ros.process import run_node


class ArmState(Node):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("arm_state")
        poses = declare(self, "pose_topic", "", "Topic of the driver's poses of the tool, geometry_msgs/PoseStamped.")
        frame = declare(self, "pose_frame", "", "Frame that the driver's poses are in; empty: base_frame.")
        turn = declare(
            self, "pose_turn", 0.0, "Angle about z from base_frame to pose_frame, rad.", low=-6.2832, high=6.2832
        )
        base = declare(self, "base_frame", ActionContract.frame, "The arm's base frame.")
        joints = declare(self, "gripper_topic", "", "Topic of the gripper's sensor_msgs/JointState.")
        self._joint = declare(self, "gripper_joint", "", "Name of the gripper's joint.")
        closed, opened = (
            declare(
                self,
                f"gripper_{which}_position",
                default,
                f"Position of the gripper's joint when {which}, in its own unit (m, rad).",
                low=-1000.0,
                high=1000.0,
            )
            for which, default in (("closed", 0.0), ("open", 1.0))
        )
        for name, value in (("pose_topic", poses), ("gripper_topic", joints), ("gripper_joint", self._joint)):
            if not value:
                raise ConfigurationError(f"parameter {name}: expected a name, found an empty one")
        try:
            self._range = GripperRange(closed, opened)
        except ValueError as error:
            raise ConfigurationError(f"parameters gripper_closed_position, gripper_open_position: {error}") from error
        self._heard = False
        self._frames = BaseFrames(base, frame or base, turn)
        self._poses = self.create_publisher(PoseStamped, "arm/state_pose", qos.STATE)
        self._grippers = self.create_publisher(JointState, "arm/gripper_state", qos.STATE)
        # Best effort hears reliable and best-effort drivers alike.
        self.create_subscription(PoseStamped, poses, self._on_pose, qos_profile_sensor_data)
        self.create_subscription(JointState, joints, self._on_joints, qos_profile_sensor_data)

    def _on_pose(self, message: PoseStamped) -> None:
        position, quaternion = messages.pose_arrays(message.pose)
        try:
            position, quaternion = self._frames.in_base(position, quaternion, message.header.frame_id)
        except ValueError as error:
            self.get_logger().warning(f"pose dropped: {error}", throttle_duration_sec=5.0)
            return
        stamp = messages.stamp_ns(message.header.stamp)
        self._poses.publish(messages.to_pose_stamped(position, quaternion, stamp, self._frames.base))

    def _on_joints(self, message: JointState) -> None:
        if self._joint not in message.name or len(message.position) != len(message.name):
            if not self._heard:  # other joints may have publishers of their own on the same topic
                text = f"expected one position of {self._joint}, found joints {list(message.name)}"
                self.get_logger().warning(f"joint states dropped: {text}", throttle_duration_sec=5.0)
            return
        self._heard = True
        position = message.position[list(message.name).index(self._joint)]
        opening = self._range.opening(position)
        self._grippers.publish(messages.to_gripper(opening, messages.stamp_ns(message.header.stamp)))


def main() -> None:
    """Entry point of the process."""
    sys.exit(run_node(ArmState))


if __name__ == "__main__":
    main()
