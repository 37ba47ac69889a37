"""A body for the policy's node tests: publishes observations, grants leases, remembers what comes; and the node's
process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import ActionChunk, CommanderStatus, DirectionAnswers, EndEffectorAction
from inspire_msgs.srv import AcquireLease
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from inspire_policy.ros.messages import stamp_ns, to_gripper, to_pose_stamped, to_rgb_image
from inspire_policy.ros.qos import COMMAND, IMAGE, LATCHED, STATE

PERIOD = 50_000_000
POSITION, QUATERNION = np.array([0.4, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0])


class Body:
    """Runs its node on a thread of its own; `wait` polls until something is true."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("body", context=self.context)
        self.statuses: list[CommanderStatus] = []
        self.actions: list[EndEffectorAction] = []
        self.chunks: list[ActionChunk] = []
        self.answers: list[DirectionAnswers] = []
        self.overlays: list[Image] = []
        self.holder = ""
        self.releases = 0
        node = self.node
        node.create_subscription(CommanderStatus, "inspire/status", self.statuses.append, LATCHED)
        node.create_subscription(EndEffectorAction, "inspire/action", self.actions.append, COMMAND)
        node.create_subscription(ActionChunk, "inspire/action_chunk", self.chunks.append, COMMAND)
        node.create_subscription(DirectionAnswers, "inspire/answers", self.answers.append, LATCHED)
        node.create_service(AcquireLease, "arm/acquire", self._acquire)
        # What a bare `ros2 topic pub` makes: reliable, volatile.
        self.instruction = node.create_publisher(String, "instruction", QoSProfile(depth=1))
        self._images = {
            c: node.create_publisher(Image, f"camera/{c}/color/image_raw", IMAGE) for c in ("agentview", "wrist")
        }
        self._pose = node.create_publisher(PoseStamped, "arm/state_pose", STATE)
        self._gripper = node.create_publisher(JointState, "arm/gripper_state", STATE)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def _acquire(self, request: AcquireLease.Request, response: AcquireLease.Response) -> AcquireLease.Response:
        self.holder = "" if request.release else request.commander_id
        self.releases += request.release
        response.granted = True
        response.holder = self.holder
        return response

    def close(self) -> None:
        """End the node and its thread."""
        self._executor.shutdown()
        self._thread.join(timeout=5)
        self.node.destroy_node()
        self.context.try_shutdown()

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
        """Poll until `condition` is true; fails with `what` after `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            last = self.statuses[-1] if self.statuses else None
            assert time.monotonic() < deadline, f"no {what} within {seconds:g} s; last status: {last}"
            time.sleep(0.005)

    def wait_state(self, state: int, reason: str = "") -> CommanderStatus:
        """Wait until the newest status has this state and a reason that contains `reason`."""
        self.wait(
            lambda: self.statuses and self.statuses[-1].state == state and reason in self.statuses[-1].reason,
            f"state {state} {reason!r}",
        )
        return self.statuses[-1]

    def say(self, text: str) -> None:
        """Publish an instruction once somebody listens."""
        self.wait(lambda: self.instruction.get_subscription_count(), "listener on instruction")
        self.instruction.publish(String(data=text))

    def observe(
        self,
        stamp: int,
        *,
        position: np.ndarray = POSITION,
        image: Image | None = None,
        skip: str = "",
        seed: int | None = None,
    ) -> None:
        """Publish a complete observation, except what is replaced or skipped; images of `seed`, else of the stamp."""
        random = np.random.default_rng(stamp // PERIOD % 1000 if seed is None else seed)
        for camera, publisher in self._images.items():
            pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            if camera != skip:
                message = to_rgb_image(pixels, stamp, camera)
                publisher.publish(image if image is not None and camera == "wrist" else message)
        self._pose.publish(to_pose_stamped(position, QUATERNION, stamp, "panda_link0"))
        self._gripper.publish(to_gripper(0.5, stamp))

    def step(self, stamp: int, *, seed: int | None = None) -> EndEffectorAction:
        """One turn of lockstep: send the observation, again every 0.5 s, until its action comes."""
        deadline = time.monotonic() + 20
        while True:
            self.observe(stamp, seed=seed)
            again = time.monotonic() + 0.5
            while time.monotonic() < again:
                for action in reversed(self.actions):
                    if stamp_ns(action.header.stamp) == stamp:
                        return action
                time.sleep(0.002)
            assert time.monotonic() < deadline, f"no action; last status: {self.statuses[-1:]}"


class PolicyProcess:
    """`policy_node` as a process of its own."""

    def __init__(self, domain: int, bundle: Path, **parameters: object) -> None:
        settings = {"bundle": bundle, "body": "tabletop", "autostart": True, **parameters}
        arguments = []
        for name, value in settings.items():
            arguments += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inspire_policy.nodes.policy_node", "--ros-args", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal if it still runs; exit code and output."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def end(self) -> None:
        """End it at once, but where coverage is measured, as what is killed cannot tell."""
        if self.process.poll() is None:
            (self.process.terminate if "COVERAGE_PROCESS_CONFIG" in os.environ else self.process.kill)()
            self.process.communicate()

    def wait(self) -> tuple[int, str]:
        """Exit code and output, killing it after 20 s."""
        try:
            output, _ = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        return self.process.returncode, output
