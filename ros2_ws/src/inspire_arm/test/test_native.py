"""A driver's pose and joint states in this project's words, pure and through the node."""

import subprocess
import sys

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from stand import EVERYTHING, isolated

from inspire_arm.native import BaseFrames
from inspire_policy.ros import messages
from inspire_policy.rotations import quaternion_from_rotvec, rotate

TOOL_X = np.array([1.0, 0.0, 0.0])


def test_a_base_that_is_turned_half_way_round_is_turned_back():
    frames = BaseFrames("base_link", "base", np.pi)
    quaternion = quaternion_from_rotvec(np.array([0.0, 0.0, 0.2]))
    position, turned = frames.in_base(np.array([-0.4, -0.1, 0.3]), quaternion, "base")
    assert np.allclose(position, [0.4, 0.1, 0.3])
    assert np.allclose(rotate(turned, TOOL_X), -rotate(quaternion, TOOL_X))


def test_a_pose_of_the_same_frame_passes_bit_for_bit_and_one_of_another_frame_is_refused():
    frames = BaseFrames("panda_link0", "panda_link0")
    place, turn = np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.0, 0.0, 0.0])
    assert frames.in_base(place, turn, "panda_link0") == (place, turn)
    with pytest.raises(ValueError, match="expected poses in panda_link0, found world: set pose_frame"):
        frames.in_base(place, turn, "world")


def test_the_node_passes_on_pose_and_gripper_and_drops_what_it_cannot_read():
    environment = isolated()
    parameters = ("pose_topic:=driver/pose", "pose_frame:=fr3_link0", "gripper_topic:=joint_states")
    parameters += ("gripper_joint:=finger", "gripper_open_position:=0.04")
    arguments = [part for each in parameters for part in ("-p", each)]
    process = subprocess.Popen(
        [sys.executable, "-m", "inspire_arm.nodes.arm_state", "--ros-args", *arguments], env=environment
    )
    context = Context()
    rclpy.init(context=context, domain_id=int(environment["ROS_DOMAIN_ID"]))
    node = rclpy.create_node("driver", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        poses: list[PoseStamped] = []
        openings: list[float] = []
        node.create_subscription(PoseStamped, "arm/state_pose", poses.append, EVERYTHING)
        node.create_subscription(
            JointState, "arm/gripper_state", lambda m: openings.append(messages.gripper_opening(m)), EVERYTHING
        )
        driver = node.create_publisher(PoseStamped, "driver/pose", 10)
        joints = node.create_publisher(JointState, "joint_states", 10)
        place, turn = np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.0, 0.0, 0.0])
        for _ in range(1200):
            if poses and openings:
                break
            driver.publish(messages.to_pose_stamped(place * 2, turn, 4, "world"))
            driver.publish(messages.to_pose_stamped(place, turn, 5, "fr3_link0"))
            joints.publish(JointState(name=["elbow"], position=[1.0]))
            joints.publish(JointState(name=["elbow", "finger"], position=[1.0, 0.01]))
            executor.spin_once(timeout_sec=0.05)
        assert poses[0].header.frame_id == "panda_link0" and messages.stamp_ns(poses[0].header.stamp) == 5
        assert np.array_equal(messages.pose_arrays(poses[0].pose)[0], place)
        assert openings[0] == pytest.approx(0.25)
    finally:
        process.terminate()
        assert process.wait(timeout=120) == 0
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
