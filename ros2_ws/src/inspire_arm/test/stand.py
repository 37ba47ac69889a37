"""A gate process over real DDS, and a test node in place of commander, body and operator."""

import os
import subprocess
import sys
import time

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import EndEffectorAction, GateStatus
from inspire_msgs.srv import AcquireLease
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from inspire_policy.action import ActionContract, Lead
from inspire_policy.ros import messages, qos
from inspire_policy.ros.domains import free_domain_id

CONTRACT = ActionContract()
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
MS = 1_000_000
EVERYTHING = QoSProfile(depth=1000)


def isolated() -> dict[str, str]:
    """An environment of its own ROS domain, on this host only."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    return os.environ | {"ROS_DOMAIN_ID": str(free_domain_id()), "OMP_NUM_THREADS": "1"}


def end(process: subprocess.Popen) -> None:
    """End a node that a test is done with: at once, but where coverage is measured, as what is killed cannot tell."""
    if process.poll() is None:
        (process.terminate if "COVERAGE_PROCESS_CONFIG" in os.environ else process.kill)()
    process.communicate()


class Stand:
    """A gate process and a test node in place of commander, body and operator."""

    def __init__(self, *parameters: str) -> None:
        self.environment = environment = isolated()
        arguments = [part for parameter in parameters for part in ("-p", parameter)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inspire_arm.nodes.arm_gate", "--ros-args", *arguments],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.context = Context()
        rclpy.init(context=self.context, domain_id=int(environment["ROS_DOMAIN_ID"]))
        self.node = rclpy.create_node("stand", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.body = 0
        self.targets: list[PoseStamped] = []
        self.openings: list[float] = []
        self.statuses: list[GateStatus] = []
        node = self.node
        node.create_subscription(PoseStamped, "arm/target_pose", self.targets.append, EVERYTHING)
        node.create_subscription(
            JointState, "arm/gripper_target", lambda m: self.openings.append(messages.gripper_opening(m)), EVERYTHING
        )
        every = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # also what lasts a moment only
        node.create_subscription(GateStatus, "arm/status", self.statuses.append, every)
        self.poses = node.create_publisher(PoseStamped, "arm/state_pose", qos.STATE)
        self.actions = node.create_publisher(EndEffectorAction, "inspire/action", qos.COMMAND)
        self.lease = node.create_client(AcquireLease, "arm/acquire")
        self.wait(
            lambda: self.statuses and self.poses.get_subscription_count() and self.actions.get_subscription_count()
        )
        assert self.lease.wait_for_service(timeout_sec=120.0)

    def wait(self, condition, seconds: float = 120.0, position=None) -> None:
        """Spin until a condition holds, all the while with a further pose at `position`, if given."""
        end, told = time.monotonic() + seconds, 0.0
        while not condition():
            assert time.monotonic() < end, f"timed out; last status: {self.statuses[-1:]}"
            if position is not None and time.monotonic() - told >= 0.02:
                told = time.monotonic()
                self.pose(self.next(), position)
            self.executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.01)

    def acquire(self, commander: str, release: bool = False) -> AcquireLease.Response:
        return self.call(self.lease, AcquireLease.Request(commander_id=commander, release=release))

    def trigger(self, name: str) -> Trigger.Response:
        return self.call(self.client(Trigger, name), Trigger.Request())

    def client(self, kind, name: str):
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(timeout_sec=120.0)
        return client

    def call(self, client, request):
        """The answer to what may be asked twice.

        It is asked again where no answer comes: a server may answer before it has discovered who asks, to nobody.
        """
        asked, since = client.call_async(request), time.monotonic()

        def answered() -> bool:
            nonlocal asked, since
            if not asked.done() and time.monotonic() - since > 5.0:
                asked, since = client.call_async(request), time.monotonic()
            return asked.done()

        self.wait(answered)
        return asked.result()

    def pose(self, stamp: int, position=(0.5, 0.0, 0.3)) -> None:
        self.poses.publish(messages.to_pose_stamped(np.array(position), DOWN, stamp, CONTRACT.frame))

    def act(self, stamp: int, commander: str = "policy", translation=(0.01, 0.0, 0.0), opening: float = 1.0) -> None:
        lead = Lead(np.array(translation), np.zeros(3), opening)
        self.actions.publish(
            messages.to_action(lead, CONTRACT, stamp=stamp, observation_stamp=stamp, commander_id=commander)
        )

    def now(self) -> int:
        return self.node.get_clock().now().nanoseconds

    def next(self) -> int:
        """The next stamp of the body: evenly spaced while this process runs up to 2 s late on a busy machine."""
        self.body = max(self.body + 20 * MS, self.now() - 2000 * MS) if self.body else self.now()
        return self.body

    def counts(self) -> dict[str, int]:
        return {reason.name: reason.count for reason in self.statuses[-1].counts} if self.statuses else {}

    def in_state(self, state: int) -> bool:
        """Whether the gate says so now."""
        return bool(self.statuses) and self.statuses[-1].state == state

    def latched(self) -> list[str]:
        return [reason.name for reason in self.statuses[-1].latched]

    def close(self) -> None:
        end(self.process)
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()
