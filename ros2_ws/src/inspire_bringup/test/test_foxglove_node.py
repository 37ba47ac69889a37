"""The live view: a viewer's WebSocket, without Foxglove, against the node as a process over real DDS."""

import base64
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

import pytest
import rclpy
from inspire_msgs.msg import CommanderStatus
from rclpy.serialization import deserialize_message
from std_msgs.msg import String

from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_bringup.foxglove_node import shown
from inspire_bringup.processes import Processes, log_tail
from inspire_bringup.robot_stack import robot_stack
from inspire_bringup.stacks import live_view, sim_stack
from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.qos import LATCHED

NODE = "inspire_bringup.foxglove_node"


@pytest.fixture
def domain(monkeypatch):
    number = free_domain_id()
    for name, value in stack_environment(os.environ, domain_id=number).items():
        monkeypatch.setenv(name, value)
    yield number
    remove_orphaned_segments()


class Viewer:
    """The little of WebSocket (RFC 6455) and of Foxglove's protocol that a viewer needs."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120.0)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ("GET / HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade")
        lines += (f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: foxglove.sdk.v1")
        self._socket.sendall("\r\n".join((*lines, "", "")).encode())
        self._stream = self._socket.makefile("rb")
        assert b"101" in self._stream.readline()
        while self._stream.readline().strip():
            pass
        self.channels = {}
        while "/inspire/status" not in self.channels:
            told = json.loads(self.message())
            self.channels |= {channel["topic"]: channel for channel in told.get("channels", ())}

    def message(self):
        """The payload of the next message: JSON text or binary."""
        head, length = self._stream.read(2)
        assert head & 0x80, "a message in several frames"
        if length >= 126:
            (length,) = struct.unpack(">H" if length == 126 else ">Q", self._stream.read(2 if length == 126 else 8))
        return self._stream.read(length)

    def say(self, **told):
        """Send JSON; what a client sends is masked, by zeros here."""
        text = json.dumps(told).encode()
        length = struct.pack("B", 0x80 | len(text)) if len(text) < 126 else struct.pack(">BH", 0x80 | 126, len(text))
        self._socket.sendall(b"\x81" + length + bytes(4) + text)

    def look_at(self, topic, number=7):
        self.say(op="subscribe", subscriptions=[{"id": number, "channelId": self.channels[topic]["id"]}])

    def data(self, number=7):
        """CDR of the next message of a topic that is looked at."""
        while True:
            payload = self.message()
            if payload[0] == 1:
                _, subscription, _ = struct.unpack("<BIQ", payload[:13])
                assert subscription == number
                return payload[13:]

    def close(self):
        self._socket.close()


def wait_for(condition, timeout=120.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def port_of(log):
    """The port that the log names, once it does."""
    found = []

    def named():
        text = log.read_text() if log.exists() else ""
        found.extend(re.findall(r"ws://127\.0\.0\.1:(\d+)", text))
        return found

    wait_for(named)
    return int(found[0])


def test_what_somebody_looks_at_is_listened_to_and_nothing_else(domain, tmp_path):
    pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: pip install foxglove-sdk")
    (spec,) = live_view(8765, namespace="")
    spec = type(spec)(**{**vars(spec), "parameters": {**spec.parameters, "port": 0}})
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node("source", context=context)
    status = node.create_publisher(CommanderStatus, "inspire/status", LATCHED)
    instruction = node.create_publisher(String, "instruction", 1)
    said = CommanderStatus(commander_id="policy", instruction="pick up the milk", state=CommanderStatus.ACTING)
    status.publish(said)
    try:
        with Processes([spec], environment=os.environ, log_folder=tmp_path) as processes:
            viewer = Viewer(port_of(tmp_path / "foxglove.log"))
            channel = viewer.channels["/inspire/status"]
            assert (channel["encoding"], channel["schemaName"]) == ("cdr", "inspire_msgs/msg/CommanderStatus")
            assert "float32 latency_p95" in channel["schema"] and "MSG: std_msgs/Header" in channel["schema"]
            assert set(viewer.channels) == {"/" + topic.topic.lstrip("/") for topic in shown(("agentview", "wrist"))}
            viewer.look_at("/inspire/status")
            assert deserialize_message(viewer.data(), CommanderStatus) == said, "what was said before is shown"
            assert status.get_subscription_count() == 1 and instruction.get_subscription_count() == 0
            viewer.say(op="unsubscribe", subscriptionIds=[7])
            wait_for(lambda: status.get_subscription_count() == 0)
            viewer.close()
            assert processes.new_exits() == []
    finally:
        node.destroy_node()
        context.try_shutdown()


def test_without_the_package_the_error_names_it(domain):
    code = f"import sys; sys.modules['foxglove'] = None; from {NODE} import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stderr.startswith("error: foxglove: expected the Python package foxglove-sdk")
    assert "pip install foxglove-sdk" in done.stderr


def test_a_port_that_is_taken_is_named(domain, tmp_path):
    pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: pip install foxglove-sdk")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Processes(live_view(port, namespace=""), environment=os.environ, log_folder=tmp_path) as processes:
            wait_for(processes.new_exits)
    assert f"expected 127.0.0.1:{port} to be free" in "\n".join(log_tail(tmp_path / "foxglove.log", 5))


def test_stacks_show_themselves_where_a_port_is_given():
    assert live_view(0, namespace="") == []
    assert all(spec.name != "foxglove" for spec in sim_stack(commander="expert").nodes)
    spec = sim_stack(commander="expert", namespace="left", foxglove_port=8765).nodes[-1]
    assert (spec.executable, spec.namespace, spec.required) == ("foxglove_node", "/left", False)
    arm = robot_stack(commander="none", cameras="front:1,hand:2", foxglove_port=9000).nodes[-1]
    assert arm.parameters == {"port": 9000, "cameras": "front,hand"}
