"""camera_node over real DDS: as a process with the synthetic camera and a recording, and in this process with a camera
that is pulled out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rclpy
from bench import COLOR, DEPTH, Bench, record, wait
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, ListParameters
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from inspire_camera.nodes.camera_node import CameraNode
from inspire_camera.scenes import BASELINE, BOX, BOX_COLOUR, TestPicture
from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.messages import rgb_view, stamp_ns
from inspire_policy.ros.parameters import ConfigurationError
from inspire_policy.ros.spinning import Spinning

SIZES = {"color_profile": "160x120x30", "depth_profile": "96x72x30"}
TOPICS = {
    "color": (Image, "color/image_raw"),
    "color_info": (CameraInfo, "color/camera_info"),
    "depth": (Image, "aligned_depth_to_color/image_raw"),
    "depth_info": (CameraInfo, "aligned_depth_to_color/camera_info"),
}


class Viewer:
    """Hears everything a camera says, on a thread of its own."""

    def __init__(self, domain: int, camera: str = "wrist") -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("viewer", context=self.context)
        self.seen: dict[str, list] = {name: [] for name in TOPICS}
        self.statuses: list[DiagnosticStatus] = []
        best_effort = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        for name, (kind, topic) in TOPICS.items():
            self.node.create_subscription(kind, f"camera/{camera}/{topic}", self.seen[name].append, best_effort)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._spinning = Spinning(self.node)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.statuses += message.status

    def values(self) -> dict[str, str]:
        return {entry.key: entry.value for entry in self.statuses[-1].values} if self.statuses else {}

    def call(self, kind, service: str, request):
        client = self.node.create_client(kind, service)
        wait(client.service_is_ready, service)
        self._be_known()
        future = client.call_async(request)
        wait(future.done, f"answer of {service}")
        return future.result()

    def _be_known(self) -> None:
        """Wait until the camera has answered a client made after all others: to one that it has not discovered it
        would answer in vain, and not everything may be asked twice.
        """
        client = self.node.create_client(GetState, "camera/get_state")
        wait(client.service_is_ready, "camera/get_state")
        asked, since = client.call_async(GetState.Request()), time.monotonic()

        def answered() -> bool:
            nonlocal asked, since
            if not asked.done() and time.monotonic() - since > 5.0:
                asked, since = client.call_async(GetState.Request()), time.monotonic()
            return bool(asked.done())

        wait(answered, "answer of camera/get_state")

    def stamps(self) -> list[int]:
        return [stamp_ns(message.header.stamp) for message in self.seen["color"]]

    def change(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, "camera/change_state", request).success

    def close(self) -> None:
        self._spinning.close()
        self.context.try_shutdown()


@pytest.fixture
def domain(monkeypatch) -> int:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return free_domain_id()


@pytest.fixture
def viewer(domain):
    made = Viewer(domain)
    yield made
    made.close()


@pytest.fixture
def launch(domain):
    started: list[subprocess.Popen] = []

    def start(**parameters) -> subprocess.Popen:
        settings = {"camera_name": "wrist", "autostart": True, **SIZES, **parameters}
        arguments = []
        for name, value in settings.items():
            arguments += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "inspire_camera.nodes.camera_node", "--ros-args", *arguments],
            env={**os.environ, "ROS_DOMAIN_ID": str(domain), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finish(process: subprocess.Popen, number: int = signal.SIGTERM) -> tuple[int, str]:
    if process.poll() is None:
        process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def depth_of(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, "<u2").reshape(message.height, message.width)


def test_what_the_synthetic_camera_shows_is_what_realsense_ros_would_say(viewer, launch):
    process = launch(source="synthetic")

    def matching(name: str) -> set[int]:
        return set(viewer.stamps()) & {stamp_ns(message.header.stamp) for message in viewer.seen[name]}

    wait(lambda: all(len(messages) >= 15 for messages in viewer.seen.values()), "fifteen of each message")
    wait(lambda: len(matching("depth")) >= 5 and len(matching("color_info")) >= 5, "messages of one moment")
    for message in viewer.seen["color"]:
        assert message.header.frame_id == "wrist_color_optical_frame" and message.encoding == "rgb8"
        assert (message.width, message.height, message.step, message.is_bigendian) == (160, 120, 480, 0)
    for message in viewer.seen["depth"]:
        assert message.header.frame_id == "wrist_color_optical_frame" and message.encoding == "16UC1"
        assert (message.width, message.height, message.step, message.is_bigendian) == (160, 120, 320, 0)
    for messages in viewer.seen.values():
        stamps = [stamp_ns(message.header.stamp) for message in messages]
        assert stamps == sorted(set(stamps)) and abs(stamps[-1] - time.time_ns()) < 30e9
    for name in ("color_info", "depth_info"):
        for info in viewer.seen[name]:
            assert info.header.frame_id == "wrist_color_optical_frame" and info.distortion_model == "plumb_bob"
            assert (info.width, info.height) == (160, 120) and list(info.d) == [0.0] * 5
            assert np.array_equal(np.reshape(info.k, (3, 3)), [[152.0, 0, 80], [0, 152.0, 60], [0, 0, 1]])
            assert np.array_equal(np.reshape(info.p, (3, 4))[:, :3], np.reshape(info.k, (3, 3)))
    # Colour, depth and both infos of one moment carry one stamp, and depth lies where colour shows the box.
    by_stamp = {stamp_ns(message.header.stamp): message for message in viewer.seen["color"]}
    pairs = [(by_stamp[s], m) for m in viewer.seen["depth"] if (s := stamp_ns(m.header.stamp)) in by_stamp]
    assert len(pairs) >= 5
    for color, depth in pairs:
        red = (rgb_view(color) == BOX_COLOUR).all(axis=2)
        near = depth_of(depth) == 800
        assert (red & near).sum() / (red | near).sum() > 0.9
    # What a pixel of the box and its depth are in space: on the box, by the published calibration alone.
    color, depth = pairs[-1]
    k = np.reshape(viewer.seen["depth_info"][-1].k, (3, 3))
    _rows, columns = np.nonzero(depth_of(depth) == 800)
    x = (columns - k[0, 2]) * 0.8 / k[0, 0]
    assert np.ptp(x) == pytest.approx(0.24, abs=0.03) and abs(x.mean() - BASELINE) < 0.2 + 0.03
    assert BOX == 0.8
    code, output = finish(process, signal.SIGINT)
    assert code == 0 and "Traceback" not in output, output


def test_lifecycle_and_descriptions(viewer, launch):
    process = launch(source="synthetic", autostart=False)
    assert viewer.change(Transition.TRANSITION_CONFIGURE)
    time.sleep(0.3)
    assert not viewer.seen["color"], "an inactive camera shows nothing"
    assert viewer.change(Transition.TRANSITION_ACTIVATE)
    wait(lambda: viewer.seen["color"], "images")
    assert viewer.change(Transition.TRANSITION_DEACTIVATE)
    deactivated = time.time_ns()
    time.sleep(0.3)
    assert max(viewer.stamps()) <= deactivated, "what was seen before may have been on its way"
    assert viewer.change(Transition.TRANSITION_CLEANUP) and viewer.change(Transition.TRANSITION_CONFIGURE)
    assert viewer.change(Transition.TRANSITION_ACTIVATE)
    wait(lambda: max(viewer.stamps()) > deactivated, "images once more")
    names = viewer.call(ListParameters, "camera/list_parameters", ListParameters.Request()).result.names
    own = [n for n in names if not n.startswith(("use_sim_time", "start_type_description", "qos_overrides"))]
    described = viewer.call(DescribeParameters, "camera/describe_parameters", DescribeParameters.Request(names=own))
    assert len(own) >= 14
    for descriptor in described.descriptors:
        assert len(descriptor.description) > 20, descriptor.name
        if descriptor.type == Parameter.Type.DOUBLE.value:
            assert descriptor.floating_point_range, descriptor.name
    assert finish(process)[0] == 0


def test_a_recording_and_renders_are_shown(viewer, launch, tmp_path):
    record(tmp_path / "scene.db3", 15, scene=TestPicture(COLOR, DEPTH))
    process = launch(source="file", file=tmp_path / "scene.db3", file_repeat=True)
    wait(lambda: len(viewer.seen["color"]) > 3 and viewer.seen["depth"], "images of the recording")
    assert viewer.seen["color"][0].width == 160 and 800 in depth_of(viewer.seen["depth"][0])
    assert finish(process)[0] == 0
    for messages in viewer.seen.values():
        messages.clear()
    rgb = np.random.default_rng(3).integers(0, 256, (4, 48, 64, 3), dtype=np.uint8)
    np.savez(tmp_path / "renders.npz", rgb=rgb, depth_mm=np.full((4, 48, 64), 700, np.uint16), focal=60.0)
    process = launch(source="synthetic", synthetic_pictures=tmp_path / "renders.npz")
    wait(lambda: len(viewer.seen["color"]) > 3 and viewer.seen["depth"], "images of the renders")
    assert any(np.array_equal(rgb_view(viewer.seen["color"][-1]), picture) for picture in rgb)
    assert (depth_of(viewer.seen["depth"][-1]) == 700).mean() > 0.9
    assert viewer.seen["color_info"][-1].k[0] == 60.0
    assert finish(process)[0] == 0


@pytest.fixture
def bench_node(domain):
    """A camera node in this process whose camera the test holds in its hands."""
    made, contexts = [], []

    def start(**parameters):
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        contexts.append(context)
        bench = Bench()
        settings = {"camera_name": "wrist", "frame_timeout": 3.0, "reconnect_delay": 0.05, **SIZES, **parameters}
        node = CameraNode(
            lambda _: bench,
            context=context,
            parameter_overrides=[Parameter(name, value=value) for name, value in settings.items()],
        )
        made.append((node, Spinning(node)))
        return node, bench

    yield start
    for node, spinning in made:
        node.on_stop()
        spinning.close()
    for context in contexts:
        context.try_shutdown()


def test_a_camera_pulled_out_and_put_back_is_told_in_the_diagnostics(viewer, bench_node):
    node, bench = bench_node()
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    wait(lambda: bench.streaming, "start")
    # Best effort: the first ones go to nobody while the reader is being discovered.
    bench.feed_until(lambda: viewer.seen["color"], "image")

    def warned() -> bool:
        bench.feed(3, skip=40)
        return any(s.level == DiagnosticStatus.WARN and "frames dropped" in s.message for s in viewer.statuses)

    wait(warned, "warning of dropped frames")
    assert int(viewer.values()["dropped"]) >= 40
    bench.unplug()
    wait(lambda: viewer.statuses[-1].level == DiagnosticStatus.ERROR, "error in the diagnostics")
    lost = viewer.statuses[-1]
    assert lost.message.startswith("lost: camera: expected") and "tried again in" in lost.message
    assert lost.name == "camera" and viewer.values()["connections"] == "1"
    count = len(viewer.seen["color"])
    bench.plug()
    wait(lambda: bench.streaming, "reconnection")

    def back() -> bool:
        values = viewer.values()
        told = viewer.statuses[-1].level != DiagnosticStatus.ERROR and values["connections"] == "2"
        return told and len(viewer.seen["color"]) > count and float(values["rate_hz"]) > 0

    bench.feed_until(back, "reconnection in the diagnostics")
    values = viewer.values()
    assert values["lost"] != "0" and values["clock"] == "global_time" and int(values["frames"]) >= 5
    assert float(values["clock_error_ms"]) == 0.0
    stamps = [stamp_ns(message.header.stamp) for message in viewer.seen["color"]]
    assert stamps == sorted(set(stamps))


def test_a_camera_that_is_not_there_refuses_to_be_configured(bench_node):
    node, bench = bench_node()
    bench.unplug()
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    bench.plug()
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"source": "webcam"}, "parameter source: expected text, one of live, file, synthetic, found 'webcam'"),
        ({"color_profile": "VGA"}, "parameter color_profile: expected WIDTHxHEIGHTxFPS such as 640x480x30"),
        ({"camera_name": "my-camera"}, "parameter camera_name: expected a letter"),
        ({"serial_no": 123456}, "parameter serial_no: expected text, found another type"),
        ({"frame_timeout": 0.0}, "parameter frame_timeout: expected a decimal number .*, from 0.1 to 60"),
        ({"use_sim_time": True}, "parameter use_sim_time: expected false, found true"),
        ({"reconnect_delay": 9.0}, "at most reconnect_delay_max, found 9 s and 5 s"),
    ],
)
def test_wrong_parameters_are_refused_with_a_sentence(bench_node, parameters, message):
    with pytest.raises(ConfigurationError, match=message):
        bench_node(**parameters)


def test_cameras_that_cannot_be_had_end_the_process_with_code_2_and_a_sentence(launch, tmp_path):
    (tmp_path / "text.bag").write_text("not a recording")
    cases = [
        ({"source": "live", "serial_no": "_123456"}, "expected a RealSense camera with serial_no 123456, found"),
        ({"source": "file", "file": tmp_path / "text.bag"}, "which it cannot read"),
        ({"source": "synthetic", "synthetic_pictures": tmp_path / "no.npz"}, "expected an .npz with rgb"),
    ]
    for parameters, message in cases:  # one after another: the machine may be small
        code, output = finish_by_itself(launch(**parameters))
        assert code == 2 and message in output and "Traceback" not in output, output


def finish_by_itself(process: subprocess.Popen) -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def test_without_librealsense_the_node_says_what_to_install():
    code = (
        "import sys; sys.modules['pyrealsense2'] = None; sys.argv += ['--ros-args', '-p', 'autostart:=true']; "
        "from inspire_camera.nodes.camera_node import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "pip install pyrealsense2" in done.stderr and "Traceback" not in done.stderr
