"""Round trips through the graph: publishes complete observations in lockstep and times the action that answers each.

The clock runs from just before the first message of an observation is published (the messages are built before) until
the action's callback. So it holds what a world or robot would notice: serialisation, DDS, the executors of both
sides, conversion, and the inference where there is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import CommanderStatus, EndEffectorAction, GateStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from inspire_bringup.errors import StackFailure
from inspire_policy.action import ActionContract
from inspire_policy.observations import PolicyObservation
from inspire_policy.ros.messages import stamp_ns, to_gripper, to_pose_stamped, to_rgb_image
from inspire_policy.ros.qos import COMMAND, IMAGE, INSTRUCTION, LATCHED, STATE

RESEND_AFTER = 0.5  # s, as the simulated world does
FIRST_STAMP = 1_000_000_000  # ns


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads, s, to the nanosecond (where the kernel keeps it, as Linux does)."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            spent += int((task / "schedstat").read_text().split()[0])
    return spent * 1e-9


@dataclass(frozen=True)
class Trip:
    """One observation answered: round trip in s, CPU time that policy and body spent on it in s, whether the model was
    asked, and whether it had to be sent again.
    """

    seconds: float
    cpu_seconds: float
    inferred: bool
    sent_again: bool


class RoundTrips:
    """A body that has cameras and an arm, but no world. Use as a context manager."""

    def __init__(
        self, contract: ActionContract, cameras: Sequence[str], policy: int, check: Callable[[], None]
    ) -> None:
        """
        Args:
            contract: gives frame and control period. cameras: their names. policy: process id of the policy.
            check: raises once a node has died.
        """
        self._contract, self._policy, self._check = contract, policy, check
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        node = Node("benchmark", context=self._context, enable_rosout=False, start_parameter_services=False)
        self._node = node
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._arrived: tuple[EndEffectorAction, float] | None = None
        self.status: CommanderStatus | None = None
        self._gate: GateStatus | None = None
        node.create_subscription(EndEffectorAction, "inspire/action", self._on_action, COMMAND)
        node.create_subscription(CommanderStatus, "inspire/status", self._on_status, LATCHED)
        node.create_subscription(GateStatus, "arm/status", self._on_gate, LATCHED)
        self._instruction = node.create_publisher(String, "instruction", INSTRUCTION)
        self._images = {c: node.create_publisher(Image, f"camera/{c}/color/image_raw", IMAGE) for c in cameras}
        self._pose = node.create_publisher(PoseStamped, "arm/state_pose", STATE)
        self._gripper = node.create_publisher(JointState, "arm/gripper_state", STATE)
        self._period = round(contract.period * 1e9)
        self._stamp = FIRST_STAMP

    def __enter__(self) -> RoundTrips:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        self._context.try_shutdown()

    def start(self, instruction: str, *, timeout: float) -> None:
        """Wait for policy and gate, then instruct. Raises StackFailure after `timeout` s."""
        topics = (self._instruction, self._pose, self._gripper, *self._images.values())
        self._until(
            lambda: (
                self._state == CommanderStatus.READY
                and self._gate is not None
                and all(publisher.get_subscription_count() for publisher in topics)
            ),
            "policy and gate ready",
            timeout,
        )
        self._instruction.publish(String(data=instruction))
        self._until(lambda: self._state == CommanderStatus.ACTING, "status ACTING", timeout)

    def trip(self, seen: PolicyObservation) -> Trip:
        """Publish one observation and wait for its action. Raises StackFailure."""
        stamp, frame = self._stamp, self._contract.frame
        self._stamp += self._period
        messages: list[tuple[Any, Any]] = [
            (publisher, to_rgb_image(seen.images[camera], stamp, camera)) for camera, publisher in self._images.items()
        ]
        messages.append((self._pose, to_pose_stamped(seen.position, seen.quaternion, stamp, frame)))
        messages.append((self._gripper, to_gripper(seen.opening, stamp)))
        self._arrived = None
        cpu = cpu_seconds(self._policy) + time.process_time()
        begin = time.monotonic()
        sent, again = begin, False
        while True:
            for publisher, message in messages:
                publisher.publish(message)
            while time.monotonic() - sent < RESEND_AFTER:
                self._executor.spin_once(timeout_sec=RESEND_AFTER)
                if self._arrived is not None and stamp_ns(self._arrived[0].header.stamp) == stamp:
                    action, arrived = self._arrived
                    cpu = cpu_seconds(self._policy) + time.process_time() - cpu
                    return Trip(arrived - begin, cpu, action.index == 0, again)
            self._check()
            if self._state != CommanderStatus.ACTING or time.monotonic() - begin > 20.0:
                raise StackFailure(f"round trip: expected an action, found none; {self._described}")
            sent, again = time.monotonic(), True

    def settle(self, ticks: int) -> CommanderStatus:
        """The status that counts at least so many inferences (it comes once a second)."""
        self._until(lambda: self.status is not None and self.status.ticks >= ticks, f"status of {ticks} ticks", 20.0)
        assert self.status is not None
        return self.status

    @property
    def _state(self) -> int | None:
        return None if self.status is None else self.status.state

    @property
    def _described(self) -> str:
        return "no status" if self.status is None else f"state {self.status.state} ({self.status.reason})"

    def _until(self, done: Callable[[], bool], what: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not done():
            self._check()
            if time.monotonic() > deadline:
                raise StackFailure(f"expected {what} within {timeout:g} s, found {self._described}")
            self._executor.spin_once(timeout_sec=0.05)

    def _on_action(self, message: EndEffectorAction) -> None:
        self._arrived = (message, time.monotonic())

    def _on_status(self, message: CommanderStatus) -> None:
        self.status = message

    def _on_gate(self, message: GateStatus) -> None:
        self._gate = message
