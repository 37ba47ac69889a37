"""The monitor beside a real gate: it warns or stops where the arm contradicts the answers; parameters are described."""

import os
import time

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseStamped, TransformStamped, Vector3
from inspire_msgs.msg import Agreement, DirectionAnswer, DirectionAnswers, GateStatus
from rcl_interfaces.msg import ParameterType
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile

from inspire_bringup.processes import Processes
from inspire_bringup.stacks import NodeSpec, agreement_monitor
from inspire_policy.directions import REP103
from inspire_policy.nodes.agreement_node import AgreementNode
from inspire_policy.ros import qos
from inspire_policy.ros.messages import to_pose_stamped, to_stamp

DOWN = np.array([1.0, 0.0, 0.0, 0.0])
GATE = NodeSpec(package="inspire_arm", executable="arm_gate", name="arm_gate")


class Scene:
    """A policy that says "left" of the milk, an arm and a detector; stamps are the scene's own."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("scene", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.told: list[Agreement] = []
        self.gate: GateStatus | None = None
        several = QoSProfile(depth=200)
        self.node.create_subscription(Agreement, "inspire/agreement", self.told.append, several)
        self.node.create_subscription(GateStatus, "arm/status", self._on_gate, qos.LATCHED)
        self.answers = self.node.create_publisher(DirectionAnswers, "inspire/answers", qos.LATCHED)
        self.poses = self.node.create_publisher(PoseStamped, "arm/state_pose", several)
        self.objects = self.node.create_publisher(TransformStamped, "inspire/object_positions", several)
        self.step = 0
        self.paused = time.monotonic()

    def _on_gate(self, message: GateStatus) -> None:
        self.gate = message

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def wait(self, condition, doing=lambda: None, seconds: float = 90.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain; last agreement: {self.told[-1:]}, gate: {self.gate}"
            doing()
            self.executor.spin_once(timeout_sec=0.01)

    def listened(self, *topics) -> bool:
        """Whether gate and monitor are there, know each other as far as can be seen, and hear these topics."""
        known = self.node.count_clients("arm/stop") and self.node.count_services("arm/stop")
        return bool(self.gate and known and all(topic.get_subscription_count() for topic in topics))

    def ahead(self) -> bool:
        """Whether the monitor has not kept up: it takes the newest pose only, so a busy machine is waited for."""
        behind = self.step - 4 * len(self.told) > 24
        return behind and bool(self.told) and time.monotonic() < self.paused + 1.0

    def go(self, velocity, milk=None, frame: str = REP103.frame) -> None:
        """One control period: the hand moves on, every fourth period the policy answers."""
        if self.ahead():
            return
        self.paused = time.monotonic()
        stamp = 10**9 + self.step * 50_000_000
        if milk is not None:
            place = Vector3(**dict(zip("xyz", map(float, milk))))
            message = TransformStamped(child_frame_id="milk")
            message.header.frame_id, message.header.stamp = frame, to_stamp(stamp)
            message.transform.translation = place
            self.objects.publish(message)
        if self.step % 4 == 0:
            answers = DirectionAnswers(instruction="pick up the milk", words=list(REP103.words))
            answers.header.frame_id, answers.header.stamp = REP103.frame, to_stamp(stamp)
            answers.answers = [DirectionAnswer(object="milk", word="left", axis=2)]
            self.answers.publish(answers)
        place = np.array([0.5, 0.0, 0.3]) + self.step * 0.05 * np.array(velocity)
        self.poses.publish(to_pose_stamped(place, DOWN, stamp, REP103.frame))
        self.step += 1

    def states(self) -> set[int]:
        return {message.state for message in self.told}


@pytest.fixture
def scene(domain_id):
    made = Scene()
    yield made
    made.close()


def running(tmp_path, on_disagreement, environment):
    nodes = [GATE, *agreement_monitor(on_disagreement, namespace="")]
    return Processes(nodes, environment=environment, log_folder=tmp_path)


def test_a_persistent_disagreement_stops_the_arm_where_it_is_told_to(scene, tmp_path):
    with running(tmp_path, "stop", os.environ):
        scene.wait(lambda: scene.listened(scene.answers, scene.poses))
        scene.wait(lambda: scene.told, lambda: scene.go((0.0, 0.1, 0.0)))  # so that nothing of what follows is missed
        scene.wait(lambda: scene.gate.state == GateStatus.FAULT, lambda: scene.go((0.0, -0.1, 0.0)))
        scene.wait(lambda: Agreement.PERSISTENT in scene.states())
    assert [reason.name for reason in scene.gate.latched] == ["operator_stop"]
    first = next(message for message in scene.told if message.state == Agreement.DISAGREES)
    assert (first.object, first.word, first.axis, first.header.frame_id) == ("milk", "left", 2, REP103.frame)
    assert first.motion_cosine == pytest.approx(-1.0) and np.isnan(first.geometry_cosine)
    assert "arm/stop is called" in (tmp_path / "agreement.log").read_text()


def test_else_it_warns_of_an_object_measured_elsewhere_and_of_positions_in_another_frame(scene, tmp_path):
    milk = (0.5, -0.5, 0.3)
    with running(tmp_path, "warn", os.environ):
        scene.wait(lambda: scene.listened(scene.answers, scene.poses, scene.objects))
        # The arm follows the answer; only the scene contradicts it.
        scene.wait(lambda: Agreement.PERSISTENT in scene.states(), lambda: scene.go((0.0, 0.05, 0.0), milk))
        before = len(scene.told)
        scene.wait(lambda: len(scene.told) > before + 40, lambda: scene.go((0.0, 0.05, 0.0), milk, "camera"))
    assert scene.gate.state == GateStatus.IDLE and scene.gate.latched == []
    last = scene.told[-20:]  # a busy machine may miss poses: not every answer can be compared then
    assert all(np.isnan(message.geometry_cosine) for message in last)
    assert Agreement.AGREES in {message.state for message in last}
    log = (tmp_path / "agreement.log").read_text()
    assert "persistent disagreement: the answer for the milk is left" in log
    assert "expected the frame of the answers" in log


def test_every_parameter_is_described_and_every_number_has_a_range(domain_id):
    rclpy.init()
    node = AgreementNode()
    try:
        names = [n for n in node.get_parameters_by_prefix("") if not n.startswith(("use_sim", "start_type", "qos"))]
        assert {"window", "persistence", "on_disagreement"} <= set(names)
        for each in node.describe_parameters(names):
            assert len(each.description) > 20, each.name
            number = each.floating_point_range or each.integer_range
            assert each.type == ParameterType.PARAMETER_STRING or number, each.name
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
