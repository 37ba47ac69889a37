"""The description of the robot's and the cameras' stacks."""

import pytest
import yaml

from inspire_bringup.camera_stack import CAMERA_ARGUMENTS, camera_nodes, camera_stack
from inspire_bringup.errors import BadInput
from inspire_bringup.processes import node_command
from inspire_bringup.robot_stack import ARMS, ROBOT_ARGUMENTS, robot_stack
from inspire_bringup.stacks import SIM_ARGUMENTS


def named(stack):
    return {node.name: node for node in stack.nodes}


@pytest.mark.parametrize("arm", ARMS)
def test_a_robot_has_a_gate_a_driver_and_a_policy_and_nothing_moves_by_default(arm):
    nodes = named(robot_stack(arm=arm))
    assert list(nodes) == ["arm_gate", "arm_state", "policy"]
    gate, policy = nodes["arm_gate"], nodes["policy"]
    assert gate.parameters == {"mode": "realtime", "enable_motion": False, "deadman_required": True}
    assert [path.endswith(f"config/{arm}.yaml") for path in gate.parameter_files] == [True]
    assert policy.lifecycle and policy.parameters["autostart"] is False and policy.parameters["mode"] == "realtime"
    assert policy.parameters["body"] == arm  # a bundle made for something else is refused
    assert policy.stop_order < gate.stop_order < nodes["arm_state"].stop_order


def test_an_arm_of_ones_own_is_a_file(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text(yaml.safe_dump({"/**": {"ros__parameters": {}}}))
    nodes = named(robot_stack(arm=str(own), body="any"))
    assert nodes["arm_gate"].parameter_files == (str(own),) and nodes["policy"].parameters["body"] == ""
    assert named(robot_stack(arm=str(own)))["policy"].parameters["body"] == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/**:\n  ros__parameters: {}\n/**/arm_gate:\n  ros__parameters: {}\n", "expected the section /\\*\\* last"),
        ("a: [", "expected a YAML file of ROS parameters"),
        ("3", "expected a YAML file of ROS parameters"),
    ],
)
def test_an_arms_file_that_would_win_over_the_arguments_or_is_none_is_refused(tmp_path, text, message):
    own = tmp_path / "mine.yaml"
    own.write_text(text)
    with pytest.raises(BadInput, match=message):
        robot_stack(arm=str(own), commander="none")


def test_a_stand_in_takes_the_drivers_place_and_hears_the_projects_own_topics():
    nodes = named(robot_stack(arm="ur_servo", fake_arm=True, commander="none", namespace="left"))
    assert list(nodes) == ["arm_gate", "fake_arm"] and {node.namespace for node in nodes.values()} == {"/left"}
    gate = nodes["arm_gate"].parameters
    assert gate["command_topic"] == "" and gate["gripper_output"] == "joint_state" and gate["gripper_target"] == ""


def test_the_stack_stays_on_this_machine_unless_opened():
    assert robot_stack().environment == {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    assert camera_stack(discovery_range="SUBNET").environment == {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}


def test_cameras_are_named_with_their_serial_numbers():
    first, second = camera_nodes("agentview:0123,wrist:77", namespace="/left")
    assert (first.name, second.name) == ("camera_agentview", "camera_wrist") and first.namespace == "/left"
    assert first.parameters["camera_name"] == "agentview" and first.parameters["serial_no"] == "_0123"
    assert "serial_no" not in camera_nodes("wrist")[0].parameters and camera_nodes(" , ") == ()
    robot = named(robot_stack(cameras="agentview:1,wrist:2", autostart=True))
    assert robot["camera_wrist"].parameters["autostart"] is True and not robot["camera_wrist"].required


@pytest.mark.parametrize("wrong", ["a:1,a:2", "a,b", "a:1,b:1", "le ft:1", "a:1;b:2"])
def test_cameras_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadInput, match="cameras: expected .* found"):
        camera_stack(cameras=wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"arm": "kuka"}, {"commander": "expert"}, {"namespace": "le ft"}, {"bundle": "no"}, {"discovery_range": "ALL"}],
)
def test_a_wrong_value_is_refused_with_what_was_expected(wrong):
    with pytest.raises(BadInput, match="expected .* found"):
        robot_stack(**wrong)


def test_a_stack_of_no_camera_is_refused():
    with pytest.raises(BadInput, match="expected the name of a camera"):
        camera_stack(cameras="")


@pytest.mark.parametrize("arguments", [ROBOT_ARGUMENTS, CAMERA_ARGUMENTS, SIM_ARGUMENTS])
def test_every_launch_argument_has_a_description_and_every_number_a_range(arguments):
    assert len({argument.name for argument in arguments}) == len(arguments)
    for argument in arguments:
        assert argument.description.endswith(".") and len(argument.description) > 15, argument.name
        assert not argument.choices or argument.default in argument.choices, argument.name
        if isinstance(argument.default, (int, float)) and not isinstance(argument.default, bool):
            assert argument.low is not None and argument.high is not None, argument.name


def test_the_arguments_are_those_of_the_stacks_and_every_node_is_installed():
    robot = robot_stack(**{argument.name: argument.default for argument in ROBOT_ARGUMENTS})
    camera = camera_stack(**{argument.name: argument.default for argument in CAMERA_ARGUMENTS})
    for spec in (*robot.nodes, *camera.nodes, *robot_stack(fake_arm=True).nodes):
        assert node_command(spec)[1] == "-m"
    assert "--params-file" in node_command(robot.nodes[0])
