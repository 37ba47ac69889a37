"""The driver of an arm of one's own, complete. Replace the class Arm by calls to your controller.

Hears my_arm/target (pose of the tool in the base frame) and my_arm/gripper (m); says my_arm/pose and my_arm/joints.
"""

import math
import time

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

BASE = "my_arm_base"
RATE = 100.0  # Hz
STALE = 0.3  # s without a target after which the arm stays where it is: the gate may have been killed
AXES = ("x", "y", "z", "w")


class Arm:
    """No arm: it goes a part of the way to its target in each period, as a stiff controller would."""

    def __init__(self):
        self.pose = [0.4, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0]  # m, then quaternion x y z w
        self.gripper = 0.08  # m

    def follow(self, target, dt):
        """Tend to a target pose, 7 numbers, for dt s."""
        part = 1.0 - math.exp(-20.0 * dt)
        nearer = 1.0 if sum(a * b for a, b in zip(self.pose[3:], target[3:])) >= 0.0 else -1.0  # q and -q are one
        target = target[:3] + [nearer * number for number in target[3:]]
        self.pose = [now + part * (then - now) for now, then in zip(self.pose, target)]
        norm = math.hypot(*self.pose[3:])
        self.pose[3:] = [number / norm for number in self.pose[3:]]


class MyArm(Node):
    def __init__(self):
        super().__init__("my_arm")
        self.arm, self.target, self.heard = Arm(), None, 0.0
        self.poses = self.create_publisher(PoseStamped, "my_arm/pose", 1)
        self.joints = self.create_publisher(JointState, "my_arm/joints", 1)
        self.create_subscription(PoseStamped, "my_arm/target", self.on_target, 1)
        self.create_subscription(Float64, "my_arm/gripper", self.on_gripper, 1)
        self.create_timer(1.0 / RATE, self.step)

    def on_target(self, message):
        place, turn = message.pose.position, message.pose.orientation
        target = [getattr(place, axis) for axis in AXES[:3]] + [getattr(turn, axis) for axis in AXES]
        if message.header.frame_id == BASE and all(map(math.isfinite, target)):
            self.target, self.heard = target, time.monotonic()

    def on_gripper(self, message):
        self.arm.gripper = min(max(message.data, 0.0), 0.08)

    def step(self):
        if self.target is not None and time.monotonic() - self.heard < STALE:
            self.arm.follow(self.target, 1.0 / RATE)
        now = self.get_clock().now().to_msg()
        pose = PoseStamped()
        pose.header.stamp, pose.header.frame_id = now, BASE
        for axis, number in zip(AXES[:3], self.arm.pose[:3]):
            setattr(pose.pose.position, axis, number)
        for axis, number in zip(AXES, self.arm.pose[3:]):
            setattr(pose.pose.orientation, axis, number)
        self.poses.publish(pose)
        joints = JointState(name=["my_finger"], position=[self.arm.gripper])
        joints.header.stamp = now
        self.joints.publish(joints)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(MyArm())
