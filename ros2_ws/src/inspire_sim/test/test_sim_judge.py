"""sim_node as a process judges the instruction once its episode is over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import rclpy
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import EpisodeStatus
from inspire_msgs.srv import Judge
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import JointState

from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.messages import stamp_ns, to_gripper
from inspire_policy.ros.qos import COMMAND, LATCHED, STATE
from inspire_policy.ros.spinning import Spinning


class Commander:
    """Answers the first observation and none after it; takes note of judgements."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("commander", context=self.context)
        self.judged: list[Judge.Request] = []
        self.episodes: list[EpisodeStatus] = []
        self.poses: list[PoseStamped] = []
        self.node.create_service(Judge, "inspire/judge", self._on_judge)
        self.node.create_subscription(PoseStamped, "arm/state_pose", self.poses.append, STATE)
        self.node.create_subscription(EpisodeStatus, "sim/episode", self.episodes.append, LATCHED)
        self.target = self.node.create_publisher(PoseStamped, "arm/target_pose", COMMAND)
        self.gripper = self.node.create_publisher(JointState, "arm/gripper_target", COMMAND)
        self._spinning = Spinning(self.node)

    def _on_judge(self, request: Judge.Request, response: Judge.Response) -> Judge.Response:
        self.judged.append(request)
        response.accepted = True
        return response

    @property
    def state(self) -> int | None:
        """Of the episode, as far as it was heard."""
        return self.episodes[-1].state if self.episodes else None

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 120.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
            time.sleep(0.01)

    def close(self) -> None:
        self._spinning.close()
        self.context.try_shutdown()


@pytest.mark.timeout(600)
def test_an_episode_that_ends_is_judged_once(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    domain = free_domain_id()
    commander = Commander(domain)
    arguments = ["--ros-args", "-p", "lockstep_timeout:=1.0", "-p", "image_size:=16"]
    sim = subprocess.Popen(
        [sys.executable, "-m", "inspire_sim.nodes.sim_node", *arguments],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        commander.wait(lambda: commander.poses and commander.target.get_subscription_count(), "observation")
        commander.wait(commander.gripper.get_subscription_count, "listener on arm/gripper_target")
        first = commander.poses[-1]
        opening = to_gripper(1.0, stamp_ns(first.header.stamp))
        started = (EpisodeStatus.RUNNING, EpisodeStatus.FAILED)
        commander.wait(
            lambda: commander.target.publish(first) or commander.gripper.publish(opening) or commander.state in started,
            "beginning of the episode",
        )
        commander.wait(lambda: commander.state == EpisodeStatus.FAILED, "end of the episode")
        commander.wait(lambda: commander.judged, "judgement")
        time.sleep(0.3)
        assert len(commander.judged) == 1, "one judgement for one episode"
        assert not commander.judged[0].success and commander.judged[0].reason.startswith("lockstep_timeout: expected")
    finally:
        sim.terminate()
        output, _ = sim.communicate(timeout=120)
        commander.close()
    assert sim.returncode == 0 and "Traceback" not in output, output
