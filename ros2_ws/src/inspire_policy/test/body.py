"""A body for the policy's node tests: publishes observations, grants leases, remembers what comes; and the node's
process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import ActionChunk, CommanderStatus, DirectionAnswers, EndEffectorAction
from inspire_msgs.srv import AcquireLease
from rclpy.client import Client
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from inspire_policy.ros.messages import stamp_ns, to_gripper, to_pose_stamped, to_rgb_image
from inspire_policy.ros.qos import COMMAND, IMAGE, LATCHED, STATE
from inspire_policy.ros.spinning import Spinning

PERIOD = 50_000_000
POSITION, QUATERNION = np.array([0.4, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0])


class Body:
    """Runs its node on a thread of its own; `wait` polls until something is true."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("body", context=self.context)
        self.statuses: list[CommanderStatus] = []
        self.actions: list[EndEffectorAction] = []  # each once, however often it was said
        self.said: Counter[int] = Counter()  # stamp -> actions
        self._shown: Counter[int] = Counter()  # stamp -> observations sent
        self.reports: list[DiagnosticStatus] = []
        self.chunks: list[ActionChunk] = []
        self.answers: list[DirectionAnswers] = []
        self.overlays: list[Image] = []
        self.holder = ""
        self.releases = 0
        node = self.node
        node.create_subscription(CommanderStatus, "inspire/status", self.statuses.append, LATCHED)
        node.create_subscription(EndEffectorAction, "inspire/action", self._on_action, COMMAND)
        node.create_subscription(ActionChunk, "inspire/action_chunk", self.chunks.append, COMMAND)
        node.create_subscription(DirectionAnswers, "inspire/answers", self.answers.append, LATCHED)
        node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: self.reports.extend(m.status), STATE)
        node.create_service(AcquireLease, "arm/acquire", self._acquire)
        # What a bare `ros2 topic pub` makes: reliable, volatile.
        self.instruction = node.create_publisher(String, "instruction", QoSProfile(depth=1))
        self._images = {
            c: node.create_publisher(Image, f"camera/{c}/color/image_raw", IMAGE) for c in ("agentview", "wrist")
        }
        self._pose = node.create_publisher(PoseStamped, "arm/state_pose", STATE)
        self._gripper = node.create_publisher(JointState, "arm/gripper_state", STATE)
        self._spinning = Spinning(node)

    def _on_action(self, action: EndEffectorAction) -> None:
        """An observation that was sent again, as on a busy machine, has the very same answer again."""
        if action not in self.actions[-8:]:
            self.actions.append(action)
        self.said[stamp_ns(action.header.stamp)] += 1

    def _acquire(self, request: AcquireLease.Request, response: AcquireLease.Response) -> AcquireLease.Response:
        self.holder = "" if request.release else request.commander_id
        self.releases += request.release
        response.granted = True
        response.holder = self.holder
        return response

    def close(self) -> None:
        """End the node and its thread."""
        self._spinning.close()
        self.context.try_shutdown()

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 120.0) -> None:
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
        self._shown[stamp] += 1
        random = np.random.default_rng(stamp // PERIOD % 1000 if seed is None else seed)
        for camera, publisher in self._images.items():
            pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            if camera != skip:
                message = to_rgb_image(pixels, stamp, camera)
                publisher.publish(image if image is not None and camera == "wrist" else message)
        self._pose.publish(to_pose_stamped(position, QUATERNION, stamp, "panda_link0"))
        self._gripper.publish(to_gripper(0.5, stamp))

    def show(self, stamp: int) -> None:
        """Send an observation until the policy's diagnostics say that it sees: images before that may go to nobody."""
        publishers = (*self._images.values(), self._pose, self._gripper)
        self.wait(lambda: all(p.get_subscription_count() for p in publishers), "listener on every part of observations")
        sent = 0.0

        def seen() -> bool:
            nonlocal sent
            if time.monotonic() - sent > 0.5:
                sent = time.monotonic()
                self.observe(stamp)
            values = {pair.key: pair.value for report in self.reports[-1:] for pair in report.values}
            return values.get("newest_image_age_ms", "none") != "none"

        self.wait(seen, "image in the diagnostics")

    def repeat(self, stamp: int) -> None:
        """Send an observation that was answered again, and wait until it was answered again."""
        before, sent = self.said[stamp], 0.0

        def answered() -> bool:
            nonlocal sent
            if time.monotonic() - sent > 0.5:
                sent = time.monotonic()
                self.observe(stamp)
            return self.said[stamp] > before

        self.wait(answered, "answer to what was answered before")

    def ask(self, client: Client, request: Any) -> Any:
        """The answer to what may be asked twice.

        It is asked again where no answer comes: a server may answer before it has discovered who asks, to nobody.
        """
        self.wait(client.service_is_ready, f"service {client.srv_name}")
        asked, since = client.call_async(request), time.monotonic()

        def answered() -> bool:
            nonlocal asked, since
            if not asked.done() and time.monotonic() - since > 5.0:
                asked, since = client.call_async(request), time.monotonic()
            return bool(asked.done())

        self.wait(answered, f"answer of {client.srv_name}")
        return asked.result()

    def step(self, stamp: int, *, seed: int | None = None) -> EndEffectorAction:
        """One turn of lockstep: send the observation, again every 0.5 s, until its action comes."""
        deadline = time.monotonic() + 120
        while True:
            self.observe(stamp, seed=seed)
            again = time.monotonic() + 0.5
            while time.monotonic() < again:
                for action in reversed(self.actions):
                    if stamp_ns(action.header.stamp) == stamp:
                        assert self.said[stamp] <= self._shown[stamp], "more actions than observations"
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
        """Exit code and output, killing it after 120 s."""
        try:
            output, _ = self.process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        return self.process.returncode, output
