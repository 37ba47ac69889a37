"""The SROS2 policy allows what running nodes use and no more; the stacks stay on the host unless told otherwise."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy
from graph import Rights, rights
from rclpy.node import Node
from security_policy import allowed, refused, unused

from inspire_bringup.camera_stack import CAMERA_ARGUMENTS, camera_stack
from inspire_bringup.environment import launch_environment
from inspire_bringup.foxglove_node import shown
from inspire_bringup.paths import share_folder
from inspire_bringup.processes import Processes, node_command
from inspire_bringup.recorded_topics import subscriptions
from inspire_bringup.robot_stack import ROBOT_ARGUMENTS, robot_stack
from inspire_bringup.runner import running
from inspire_bringup.stacks import recorder, sim_stack

ROOT = Path(__file__).parents[1]
POLICY = share_folder() / "security" / "policy.xml"
ALLOWED = allowed(POLICY)
OPERATOR, LAUNCH = "/inspire/operator", "/"
SHOWN = ALLOWED["/inspire/foxglove"].names["subscribe"] - {"/clock"}
# What the policy allows and no test here can show.
UNSEEN = {
    "/inspire/arm_gate": {"call": {"arm/gripper_cmd"}},  # an action of control_msgs, which the wheels lack
    "/inspire/foxglove": {"subscribe": SHOWN},  # only what somebody looks at is heard
}
# Each kind of node once more, in the settings that show what the simulated stack does not.
GATE = {"controller": "twist", "gripper_output": "position"}
STATE = {"pose_topic": "driver/pose", "gripper_topic": "driver/joints", "gripper_joint": "finger", "use_sim_time": True}
VARIANTS = (
    ("inspire_arm.nodes.arm_gate:ArmGate", GATE),
    ("inspire_arm.nodes.arm_state:ArmState", STATE),
    ("inspire_arm.nodes.fake_arm:FakeArm", {"controller": "fzi", "use_sim_time": True}),
    ("inspire_arm.nodes.fake_arm:FakeArm", {"controller": "servo"}),
    ("inspire_policy.nodes.agreement_node:AgreementNode", {"use_sim_time": True}),
    ("inspire_bringup.teleop_node:TeleopNode", {"input": "joystick", "deadman": True, "use_sim_time": True}),
    ("inspire_bringup.recorder_node:RecorderNode", {"folder": "{folder}", "use_sim_time": True}),
    ("inspire_bringup.foxglove_node:FoxgloveNode", {"port": 0, "use_sim_time": True}),
    ("inspire_camera.nodes.camera_node:CameraNode", {"source": "synthetic"}),
    ("inspire_sim.nodes.expert_node:ExpertNode", {"use_sim_time": True}),
)
DRIVERS_OWN = {"driver/pose", "driver/joints"}  # which the policy cannot know


def enclave_of(module: str) -> str:
    """The enclave of a node's module, such as inspire_sim.nodes.sim_node."""
    return "/inspire/" + module.rpartition(".")[2].removesuffix("_node")


def variant(where: str, parameters: dict, folder: Path) -> tuple[str, Rights]:
    """The enclave of one node made in this process, and what it uses."""
    module, _, name = where.partition(":")
    arguments = ["--ros-args"]
    for key, value in parameters.items():
        text = str(value).format(folder=folder) if isinstance(value, str) else str(value).lower()
        arguments += ["-p", f"{key}:={text}"]
    rclpy.init(args=arguments)
    try:
        node: Node = getattr(importlib.import_module(module), name)()
        try:
            found = rights(node, node.get_name())
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()
    return enclave_of(module), found


@contextmanager
def onlooker():
    rclpy.init()
    node = Node("onlooker")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def running_stack(folder: Path, timeout: float = 400.0) -> dict[str, Rights]:
    """What the nodes of the simulated stack use, once sim and policy use all they are allowed and nothing has been
    added for 1.5 s, or after `timeout` s.
    """
    stack = sim_stack(commander="policy")
    nodes = (*stack.nodes, recorder(stack, str(folder / "topics.mcap")))
    seen: dict[str, Rights] = {}
    with Processes(nodes, environment=os.environ, log_folder=folder) as processes, onlooker() as node:
        deadline, unchanged = time.monotonic() + timeout, 0
        while time.monotonic() < deadline and unchanged < 5:
            assert processes.new_exits() == []
            before, seen = seen, {spec.enclave: rights(node, spec.name) for spec in nodes}
            whole = not any(unused(ALLOWED[enclave], seen[enclave]) for enclave in ("/inspire/sim", "/inspire/policy"))
            whole = whole and all(any(each.names.values()) for each in seen.values())
            unchanged = unchanged + 1 if whole and seen == before else 0
            time.sleep(0.3)
    return seen


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """What each enclave's nodes use, in a running stack and in further settings."""
    from inspire_bringup.environment import stack_environment
    from inspire_policy.ros.domains import free_domain_id

    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack_environment(os.environ, domain_id=free_domain_id()).items():
            patch.setenv(name, value)
        folder = tmp_path_factory.mktemp("security")
        found = running_stack(folder)
        for where, parameters in VARIANTS:
            if "foxglove" in where and importlib.util.find_spec("foxglove") is None:
                found["/inspire/foxglove"] = ALLOWED["/inspire/foxglove"]  # foxglove-sdk is an extra
                continue
            enclave, seen = variant(where, parameters, folder)
            found[enclave] = found.get(enclave, Rights()) | seen
    return found


@pytest.mark.timeout(600)
def test_the_policy_allows_everything_that_nodes_use(used):
    too_little = {enclave: left for enclave, seen in used.items() if (left := refused(seen, ALLOWED[enclave]))}
    assert too_little.pop("/inspire/arm_state") == {"subscribe": DRIVERS_OWN}
    assert too_little == {}


def test_the_policy_allows_nothing_that_no_node_uses(used):
    assert set(ALLOWED) - set(used) == {OPERATOR, LAUNCH}
    too_much = {enclave: left for enclave, seen in used.items() if (left := unused(ALLOWED[enclave], seen))}
    assert too_much == UNSEEN


def test_the_recorder_hears_all_that_is_said_in_a_stack_but_pictures_made_of_it():
    said = set().union(*(r.names["publish"] for e, r in ALLOWED.items() if e not in (OPERATOR, LAUNCH)))
    in_stack = {name for name in said if not name.startswith("/") and not name.endswith("/transition_event")}
    left_out = in_stack - ALLOWED["/inspire/recorder"].names["subscribe"]
    assert left_out == {"inspire/overlay"} | {name for name in in_stack if "aligned_depth" in name}
    recorded = {re.sub("camera/left/", "camera/*/", s.topic) for s in subscriptions(["left"])}
    assert recorded | {"/clock"} == ALLOWED["/inspire/recorder"].names["subscribe"]


def test_foxglove_hears_what_is_recorded_and_the_overlay_and_diagnostics():
    assert {re.sub("camera/left/", "camera/*/", s.topic) for s in shown(("left",))} == SHOWN
    assert ALLOWED["/inspire/recorder"].names["subscribe"] | {"inspire/overlay", "/diagnostics"} == SHOWN | {"/clock"}


def test_operators_ask_only_for_what_is_offered(used):
    offered = Rights()
    for seen in used.values():
        offered = offered | seen
    allow = ALLOWED[OPERATOR]
    requested = Rights({**Rights().names, "reply": allow.names["request"], "execute": allow.names["call"]})
    assert unused(requested, offered) == {}
    heard = {name for seen in used.values() for name in seen.names["subscribe"]}
    assert allow.names["publish"] - heard == {"/parameter_events", "/rosout"}


@pytest.mark.parametrize(
    ("rule", "pattern", "who"),
    [
        ("publish", r"arm/(target_pose|delta_twist_cmds|gripper_target|gripper_position)", {"arm_gate"}),
        ("publish", r"inspire/action", {"policy", "expert", "teleop"}),
        ("publish", r"arm/state_pose|arm/gripper_state", {"fake_arm", "arm_state", "sim"}),
        ("publish", r"camera/.*", {"camera", "sim"}),
        ("publish", r"/clock", {"sim"}),
        ("publish", r"arm/deadman", {"operator", "teleop"}),
        ("publish", r"arm/status", {"arm_gate"}),
        ("request", r"arm/acquire", {"policy", "expert", "teleop"}),
        ("request", r"arm/reset", {"operator"}),
        ("request", r"arm/stop", {"operator", "agreement"}),
        ("request", r".*/set_parameters", {"operator"}),
        ("request", r".*/change_state", {"operator", ""}),
        ("publish", r"\*", set()),
    ],
)
def test_only_these_may(rule, pattern, who):  # "" is the process of ros2 launch
    may = {e.rpartition("/")[2] for e, r in ALLOWED.items() if any(re.fullmatch(pattern, n) for n in r.names[rule])}
    assert may == who


def test_every_node_that_is_installed_has_an_enclave():
    setups = "\n".join(path.read_text() for path in (ROOT / "ros2_ws/src").glob("*/setup.py"))
    nodes = re.findall(r'"(\w+) = (inspire_\w+(?:\.nodes)?\.\w+):main"', setups)
    assert {enclave_of(module) for _, module in nodes} | {OPERATOR, LAUNCH} == set(ALLOWED)


def test_processes_are_started_in_their_enclaves():
    stacks = [sim_stack(commander="expert"), robot_stack(commander="none", fake_arm=True, cameras="left:1,right:2")]
    for spec in [spec for stack in stacks for spec in stack.nodes]:
        command = node_command(spec)
        assert command[command.index("--enclave") + 1] == spec.enclave
        assert spec.enclave in ALLOWED


def test_documented_keystore_commands_name_the_policy_and_its_enclaves():
    text = (ROOT / "docs/security.md").read_text()
    for path in re.findall(r"[\w/]+policy\.xml", text):
        assert (ROOT / path).is_file(), path
    named = set(re.findall(r"/inspire/\w+", text)) - {"/inspire/src"}
    assert named and named <= set(ALLOWED)
    assert "security/policy.xml" in text


# What a stranger on the network sees.


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


@pytest.mark.parametrize(
    ("range_", "given"), [("LOCALHOST", {}), ("SUBNET", {"discovery_range": "SUBNET"})], ids=["default", "opened"]
)
def test_nodes_that_the_runner_starts_stay_on_the_host_unless_told(domain_id, tmp_path, monkeypatch, range_, given):
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE")
    stack = robot_stack(arm="franka", commander="none", fake_arm=True, **given)
    with running(stack, log_folder=tmp_path, domain_id=domain_id) as (processes, _):
        for spec in stack.nodes:
            assert environment_of(processes.pid(spec.name))["ROS_AUTOMATIC_DISCOVERY_RANGE"] == range_


def test_what_launch_sets_keeps_nodes_on_the_host(monkeypatch):
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    assert launch_environment()["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE" not in launch_environment()


def test_stacks_that_may_be_opened_say_so_in_an_argument():
    for arguments, stack in ((ROBOT_ARGUMENTS, robot_stack), (CAMERA_ARGUMENTS, camera_stack)):
        (argument,) = (argument for argument in arguments if argument.name == "discovery_range")
        assert argument.choices[0] == "LOCALHOST"
        made = stack(**({"commander": "none"} if stack is robot_stack else {}))
        assert made.environment == {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


@pytest.mark.parametrize("file", sorted((share_folder() / "launch").glob("*.launch.py")), ids=lambda path: path.stem)
def test_every_launch_file_sets_the_environment_of_its_nodes(file, monkeypatch):
    pytest.importorskip("launch_ros", reason="launch and launch_ros are not in the wheels; a ROS 2 from apt has them")
    from launch import LaunchContext
    from launch.actions import SetEnvironmentVariable

    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    spec = importlib.util.spec_from_file_location("launch_file", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = LaunchContext()
    for entity in module.generate_launch_description().entities:
        if isinstance(entity, SetEnvironmentVariable):
            entity.execute(context)
    assert context.environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


# Enforcement needs Fast DDS with its security plugins, and openssl through sros2: both come with a ROS 2 from apt.

STRANGER = """
import sys
import rclpy
from rclpy.node import Node
from inspire_msgs.msg import EndEffectorAction
rclpy.init()
Node(sys.argv[1]).create_publisher(EndEffectorAction, "inspire/action", 1)
print("allowed")
"""


@pytest.fixture(scope="module")
def keystore(tmp_path_factory):
    """Keys of every enclave, made as docs/security.md says."""
    if not os.environ.get("ROS_DISTRO") or shutil.which("ros2") is None:
        pytest.skip("the wheels' Fast DDS has no security plugins; a ROS 2 from apt has them")
    if importlib.util.find_spec("sros2") is None:
        pytest.skip("the package sros2 is not installed: apt-get install ros-$ROS_DISTRO-sros2")
    folder = tmp_path_factory.mktemp("keystore")
    command = ["ros2", "security", "generate_artifacts", "-k", str(folder), "-p", str(POLICY)]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "ROS_DOMAIN_ID": "0"})
    return folder


@pytest.mark.parametrize(("name", "may"), [("expert", True), ("recorder", False), ("nobody", False)])
def test_who_lacks_the_right_is_refused(keystore, name, may):
    secured = {
        "ROS_DOMAIN_ID": "0",
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_SECURITY_KEYSTORE": str(keystore),
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_ENCLAVE_OVERRIDE": f"/inspire/{name}",
    }
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, name],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **secured},
    )
    assert ("allowed" in done.stdout) == may, done.stderr
    assert (done.returncode == 0) == may
