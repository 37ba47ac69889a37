"""fake_arm: an arm's driver and controller without an arm, on the topics of the gate. For tests and dry runs.

It follows `arm/target_pose` or `arm/delta_twist_cmds` with the semantics of the controller that it stands in for and
publishes `arm/state_pose` and `arm/gripper_state`. Realtime only.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from inspire_arm.fakes import CRISP, FAKES, FakeServo, make_fake
from inspire_arm.fakes.body import Body
from inspire_arm.gripper import GripperRange
from inspire_arm.motion import Twist
from inspire_arm.nodes.outputs import POSE_TOPIC, TWIST_TOPIC
from inspire_policy.action import ActionContract
from inspire_policy.ros import messages, qos
from inspire_policy.ros.parameters import declare
from inspire_policy.ros.process import run_node

LONGEST_STEP = 0.02  # s; a late process makes the arm slow, never a jump


class FakeArm(Node):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("fake_arm")
        kind = declare(
            self,
            "controller",
            CRISP,
            "servo: MoveIt Servo, stops 0.1 s after the last twist; fzi: goes on to the last target; crisp: compliant, "
            "deaf to two publishers.",
            choices=FAKES,
        )
        topic = declare(self, "command_topic", "", f"Topic of the commands; empty: {POSE_TOPIC} or {TWIST_TOPIC}.")
        standard = ActionContract()
        self._frame = declare(self, "base_frame", standard.frame, "Frame of poses and targets: the arm's base.")
        tool_frame = declare(self, "tool_frame", standard.tool_frame, "Frame of the tool, for twists.")
        start = declare(
            self, "start", [0.45, 0.0, 0.35], "Where the tool starts, x y z, m.", size=3, low=-10.0, high=10.0
        )
        rate = declare(self, "rate", 100.0, "Steps and poses per second, Hz.", low=1.0, high=1000.0)
        closed = declare(
            self, "gripper_closed_position", 0.0, "Float64 position of a closed gripper.", low=-1e3, high=1e3
        )
        opened = declare(self, "gripper_open_position", 1.0, "Float64 position of an open one.", low=-1e3, high=1e3)
        self._range = GripperRange(closed, opened)
        self._opening = 1.0
        self._told = 0
        self._at = time.monotonic()
        self._body = Body(tuple(start))
        self._fake = make_fake(kind, self._body, base_frame=self._frame, tool_frame=tool_frame)
        if isinstance(self._fake, FakeServo):
            self._commands = self.create_subscription(TwistStamped, topic or TWIST_TOPIC, self._on_twist, qos.COMMAND)
        else:
            self._commands = self.create_subscription(PoseStamped, topic or POSE_TOPIC, self._on_pose, qos.COMMAND)
        self.create_subscription(JointState, "arm/gripper_target", self._on_gripper, qos.COMMAND)
        self.create_subscription(Float64, "arm/gripper_position", self._on_position, qos.COMMAND)
        self._poses = self.create_publisher(PoseStamped, "arm/state_pose", qos.STATE)
        self._grippers = self.create_publisher(JointState, "arm/gripper_state", qos.STATE)
        self.create_timer(1.0 / rate, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_twist(self, message: TwistStamped) -> None:
        assert isinstance(self._fake, FakeServo)
        linear, angular = message.twist.linear, message.twist.angular
        twist = Twist(np.array([linear.x, linear.y, linear.z]), np.array([angular.x, angular.y, angular.z]))
        self._fake.on_twist(twist, frame=message.header.frame_id, stamp=messages.stamp_ns(message.header.stamp))

    def _on_pose(self, message: PoseStamped) -> None:
        assert not isinstance(self._fake, FakeServo)
        publishers = self.count_publishers(self._commands.topic_name)
        self._fake.on_pose(*messages.pose_arrays(message.pose), frame=message.header.frame_id, publishers=publishers)

    def _on_gripper(self, message: JointState) -> None:
        self._opening = messages.gripper_opening(message)

    def _on_position(self, message: Float64) -> None:
        self._opening = self._range.opening(message.data)

    def _step(self) -> None:
        now, before, self._at = self.get_clock().now().nanoseconds, self._at, time.monotonic()
        self._fake.step(min(self._at - before, LONGEST_STEP), now=now)
        body = self._body
        self._poses.publish(messages.to_pose_stamped(body.position, body.quaternion, now, self._frame))
        self._grippers.publish(messages.to_gripper(self._opening, now))
        ignored = sum(body.ignored.values())
        if ignored != self._told:
            self._told = ignored
            self.get_logger().warning(f"not followed: {dict(body.ignored)}", throttle_duration_sec=5.0)


def main() -> None:
    """Entry point of the process."""
    sys.exit(run_node(FakeArm))


if __name__ == "__main__":
    main()
