"""An operator at a terminal and at a joystick leads the simulated hand through the real gate, and is recorded."""

import os
import pty
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import CommanderStatus, EndEffectorAction, GateStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool, String

from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_bringup.processes import Processes
from inspire_bringup.record_stack import episode_recorder, joystick
from inspire_bringup.stacks import sim_stack
from inspire_bringup.teleoperation.joystick import Mapping
from inspire_policy.action import ActionContract
from inspire_policy.recordings import EPISODE, OUTCOME, RecordingReader
from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.messages import gripper_opening, pose_arrays, stamp_ns
from inspire_policy.ros.qos import HEARTBEAT, INSTRUCTION, LATCHED

pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a tenth
# In real time a test must not depend on how busy the machine is: what is late here is no fault.
PATIENT = {
    **{"silence_hold": 0.9, "silence_fault": 10.0, "max_pose_silence": 5.0},
    **{"max_action_age": 5.0, "max_observation_age": 5.0, "max_pose_age": 5.0},
}
MILK = "pick up the milk and place it in the bin"


class Room:
    """Simulated arm, gate and recorder as processes, and a node that watches them."""

    def __init__(self, folder, *, mode, more=()):
        stack = sim_stack(commander="none", mode=mode, lockstep_timeout=600.0)
        gate = {"arm_gate": PATIENT}
        nodes = [replace(n, parameters={**n.parameters, **gate.get(n.name, {})}) for n in stack.nodes]
        nodes += [episode_recorder(str(folder / "episodes"), cameras=""), *more]
        self.folder = folder
        self.processes = Processes(nodes, environment=os.environ, log_folder=folder / "logs")
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=int(os.environ["ROS_DOMAIN_ID"]))
        self.node = rclpy.create_node("room", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.position = self.opening = self.status = self.gate = None
        self.actions, self.deadman, self.places = [], [], []
        deep = QoSProfile(depth=1000)
        for kind, topic, callback, qos in (
            (PoseStamped, "arm/state_pose", self.on_pose, deep),
            (JointState, "arm/gripper_state", self.on_gripper, deep),
            (CommanderStatus, "inspire/status", self.on_status, LATCHED),
            (GateStatus, "arm/status", self.on_gate, LATCHED),
            (EndEffectorAction, "inspire/action", self.actions.append, deep),
            (Bool, "arm/deadman", lambda message: self.deadman.append(message.data), HEARTBEAT),
        ):
            self.node.create_subscription(kind, topic, callback, qos)
        self.instruction = self.node.create_publisher(String, "instruction", INSTRUCTION)
        self.joy = self.node.create_publisher(Joy, "joy", 10)

    def on_pose(self, message):
        self.position = pose_arrays(message.pose)[0]
        self.places.append((stamp_ns(message.header.stamp), self.position))

    def on_gripper(self, message):
        self.opening = gripper_opening(message)

    def on_status(self, message):
        self.status = message

    def on_gate(self, message):
        self.gate = message

    def close(self):
        self.processes.stop()
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def spin(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.01)

    def until(self, condition, doing=lambda: None, seconds=120.0):
        """Spin until a condition holds, `doing` something 30 times a second all the while."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; {self.status}, {self.gate}, at {self.position}"
            assert self.processes.new_exits() == []
            doing()
            self.spin(0.033)

    def begin(self, text=MILK):
        self.until(lambda: self.status and self.gate and self.position is not None and self.opening is not None)
        self.until(lambda: self.instruction.get_subscription_count() >= 2)
        self.instruction.publish(String(data=text))
        self.until(lambda: self.status.state == CommanderStatus.ACTING)

    def rests(self, doing):
        """Wait until the hand has been in one place for half a second of the world's time, `doing` nothing to move."""
        begun = self.places[-1][0]

        def still():
            last = self.places[-1][0]
            recent = [place for stamp, place in self.places if stamp >= last - 5 * 10**8]
            return last > begun + 10**9 and np.ptp(recent, axis=0).max() < 0.001

        self.until(still, doing)

    def moves(self, axis, sign, doing):
        """The hand goes 4 cm along an axis, and along no other by half as much: it may still coast from before."""
        start = self.position.copy()
        self.until(lambda: sign * (self.position - start)[axis] > 0.04, doing)
        across = np.delete(np.abs(self.position - start), axis)
        assert across.max() < 0.02, f"{self.position - start}"

    def recordings(self):
        return sorted((self.folder / "episodes").glob("*.mcap"))


@pytest.fixture
def room(monkeypatch, tmp_path):
    for name, value in stack_environment(os.environ, domain_id=free_domain_id()).items():
        monkeypatch.setenv(name, value)
    opened = []

    def start(**options):
        opened.append(Room(tmp_path, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
    remove_orphaned_segments()


@pytest.fixture
def terminal(room):
    """teleop_node at a pseudo-terminal: what to type into, and the process."""
    started = []

    def start(*parameters):
        master, slave = pty.openpty()
        arguments = [part for parameter in parameters for part in ("-p", parameter)]
        process = subprocess.Popen(
            [sys.executable, "-m", "inspire_bringup.teleop_node", "--ros-args", *arguments],
            stdin=slave,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append((process, master, slave))
        return process, lambda text: os.write(master, text.encode()), slave

    yield start
    for process, master, slave in started:
        process.terminate()
        process.communicate(timeout=60)
        os.close(master)
        os.close(slave)


@pytest.mark.slow
def test_keys_lead_the_hand_in_lockstep_and_the_world_waits_for_them(room, terminal):
    import termios

    r = room(mode="lockstep")
    process, types, slave = terminal()
    r.begin()
    echo = termios.tcgetattr(slave)[3] & termios.ECHO
    assert not echo
    before = len(r.actions)
    r.spin(0.7)
    assert len(r.actions) == before, "nobody touched a key"
    for key, axis, sign in (("r", 2, 1), ("w", 0, 1), ("a", 1, 1), ("d", 1, -1)):
        r.moves(axis, sign, lambda key=key: types(key))
        r.spin(0.3)  # let go: the world stands still, and what moved goes on moving afterwards
        rest = len(r.actions) + 12
        r.until(lambda rest=rest: len(r.actions) >= rest, lambda: types("h"))
    types(" ")
    r.until(lambda: r.opening < 0.1)
    limit = 0.5 * ActionContract().max_translation
    assert max(abs(a.translation_lead.x) for a in r.actions) <= limit
    assert {a.commander_id for a in r.actions} == {"teleop"}
    assert r.gate.clamps == 0
    assert [reason.name for reason in r.gate.counts] == []
    types("\r")
    r.until(lambda: r.status.state == CommanderStatus.READY)
    r.until(lambda: len(r.recordings()) == 1)
    with RecordingReader(r.recordings()[0]) as reader:
        sent = {message.stamp for message in reader.messages(("/inspire/action",))}
        assert reader.metadata[EPISODE]["commander"] == "teleop"
        assert reader.metadata[EPISODE]["instruction"] == MILK
        assert reader.metadata[OUTCOME]["outcome"] == "success"
    assert sent == {a.header.stamp.sec * 10**9 + a.header.stamp.nanosec for a in r.actions}
    process.terminate()
    assert process.wait(60) == 0
    assert termios.tcgetattr(slave)[3] & termios.ECHO, "the terminal was not given back"


@pytest.mark.slow
def test_a_joystick_leads_the_hand_in_real_time_while_its_deadman_is_held(room):
    pad = Mapping()
    r = room(mode="realtime", more=(joystick(mode="realtime"),))

    def stick(axes=(), buttons=(pad.deadman,)):
        message = Joy(axes=[0.0] * 8, buttons=[0] * 11)
        for index, value in axes:
            message.axes[index] = value
        for index in buttons:
            message.buttons[index] = 1
        return lambda: r.joy.publish(message)

    r.until(lambda: r.joy.get_subscription_count() == 1)
    r.begin()
    r.moves(2, 1, stick([(pad.axes[2], 1.0)]))
    r.rests(stick())
    r.moves(1, -1, stick([(pad.axes[1], -1.0)]))
    assert r.deadman[-1]
    r.until(lambda: not r.deadman[-1], stick([(pad.axes[0], 1.0)], buttons=()))
    r.rests(stick([(pad.axes[0], 1.0)], buttons=()))
    still = r.position.copy()
    for _ in range(20):
        stick([(pad.axes[0], 1.0)], buttons=())()
        r.spin(0.033)
    assert np.abs(r.position - still).max() < 0.005, "moved without the deadman"
    assert r.status.state == CommanderStatus.ACTING, "resting is not silence"
    r.until(lambda: r.opening < 0.1, stick(buttons=(pad.deadman, pad.gripper)))
    r.until(lambda: r.status.state == CommanderStatus.READY, stick(buttons=(pad.failure,)))
    r.until(lambda: len(r.recordings()) == 1)
    with RecordingReader(r.recordings()[0]) as reader:
        assert reader.metadata[OUTCOME]["outcome"] == "failure"


def test_without_a_terminal_the_keyboard_is_refused_in_words():
    ended = subprocess.run(
        [sys.executable, "-m", "inspire_bringup.teleop_node"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "ROS_DOMAIN_ID": str(free_domain_id()), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
    )
    assert ended.returncode == 2
    assert "expected a terminal on standard input" in ended.stderr
    assert "input:=joystick" in ended.stderr
