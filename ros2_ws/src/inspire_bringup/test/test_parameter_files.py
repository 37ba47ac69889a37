"""The shipped parameter files: the arm's nodes take every value, none is left out, and robots start slow and still."""

import os

import pytest
import rclpy
import yaml

from inspire_arm.envelope import ROBOT, SIM
from inspire_arm.nodes.arm_gate import ArmGate
from inspire_arm.nodes.arm_state import ArmState
from inspire_arm.nodes.fake_arm import FakeArm
from inspire_bringup.errors import BadInput
from inspire_bringup.paths import parameter_file
from inspire_bringup.robot_stack import ARMS
from inspire_policy.ros.domains import free_domain_id

OTHERS = ("qos_overrides", "start_type_description", "use_sim_time")


def section(file: str, node: str) -> dict:
    """What a file says to a node: for everybody and for it alone."""
    told = yaml.safe_load(parameter_file(file).read_text())
    return {
        name: value
        for key in ("/**", f"/**/{node}")
        for name, value in told.get(key, {}).get("ros__parameters", {}).items()
    }


@pytest.fixture
def made(monkeypatch):
    """A node in this process, made with a file and further parameters: its own parameters and their values."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    nodes = []

    def make(kind, file, **more):
        arguments = ["--ros-args", "--params-file", str(parameter_file(file))]
        for name, value in more.items():
            arguments += ["-p", f"{name}:={value}"]
        rclpy.init(args=arguments, domain_id=free_domain_id())
        nodes.append(kind())
        found = nodes[-1].get_parameters_by_prefix("")
        return {name: each.value for name, each in found.items() if not name.startswith(OTHERS)}

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize("file", [*ARMS, "sim"])
def test_a_file_gives_every_parameter_of_the_gate(made, file):
    # The actions of control_msgs are not everywhere; a test of their own starts them where they are.
    found = made(ArmGate, file, gripper_output="joint_state")
    told = section(file, "arm_gate")
    assert set(found) - set(told) <= {"mode"}
    found["gripper_output"] = told["gripper_output"]
    for name, value in told.items():
        assert list(found[name]) == value if isinstance(value, list) else found[name] == value, name
    limits = SIM if file == "sim" else ROBOT
    for name in limits.__dataclass_fields__:
        if name != "keep_out":
            value = getattr(limits, name)
            assert (list(value) if isinstance(value, tuple) else value) == told[name], name


@pytest.mark.parametrize("file", ARMS)
def test_a_robot_starts_slow_and_still_and_its_own_nodes_take_their_sections(made, file):
    told = section(file, "arm_gate")
    assert told["enable_motion"] is False and told["deadman_required"] is True and told["preset"] == "robot"
    assert (told["max_linear_speed"], told["max_angular_speed"], told["max_linear_change"]) == (0.25, 0.5, 2.0)
    assert told["gripper_rule"] == "switch"
    driver = made(ArmState, file)
    said = section(file, "arm_state")
    assert said.items() >= {name: driver[name] for name in said if name in driver}.items()
    assert set(said) - set(driver) == {"tool_frame"}
    for name in ("gripper_closed_position", "gripper_open_position"):
        assert said[name] == told[name], "what is told and what is heard are one scale"


@pytest.mark.parametrize("file", [*ARMS, "sim"])
def test_arguments_win_over_a_file(made, file):
    said = {"enable_motion": file != "sim", "deadman_required": file == "sim", "silence_hold": 0.2}
    told = section(file, "arm_gate")
    assert all(told[name] != value for name, value in said.items())
    found = made(ArmGate, file, gripper_output="joint_state", **said)
    assert {name: found[name] for name in said} == said


@pytest.mark.parametrize("file", ARMS)
def test_the_stand_in_follows_what_the_gate_says(made, file):
    kind = {"twist": "servo", "stiff_pose": "fzi", "impedance_pose": "crisp"}[section(file, "arm_gate")["controller"]]
    assert made(FakeArm, file)["controller"] == kind


def test_a_file_of_ones_own_is_taken_by_its_path_and_a_missing_one_is_named(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("/**:\n  ros__parameters: {}\n")
    assert parameter_file(str(own)) == own
    with pytest.raises(BadInput, match="expected one of franka, sim, ur_servo, or the path"):
        parameter_file(os.path.join(tmp_path, "none.yaml"))
