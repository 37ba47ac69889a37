"""Every parameter of every node and every argument of every stack is described and, where it is a number, ranged."""

import importlib
import re
from pathlib import Path

import pytest
import rclpy
from rcl_interfaces.msg import ParameterType
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

from inspire_bringup.camera_stack import CAMERA_ARGUMENTS
from inspire_bringup.record_stack import RECORD_ARGUMENTS
from inspire_bringup.robot_stack import ROBOT_ARGUMENTS
from inspire_bringup.stacks import SIM_ARGUMENTS

ROOT = Path(__file__).parents[1]
ROS_OWN = ("qos_overrides", "start_type_description", "use_sim_time")
NUMBERS = (ParameterType.PARAMETER_DOUBLE, ParameterType.PARAMETER_INTEGER)
LISTS = (ParameterType.PARAMETER_DOUBLE_ARRAY, ParameterType.PARAMETER_INTEGER_ARRAY)
# What a node cannot be made without.
NEEDED = {
    "arm_state": ("pose_topic:=pose", "gripper_topic:=joints", "gripper_joint:=finger"),
    "foxglove_node": ("port:=0",),
    "recorder_node": ("folder:={folder}",),
    "teleop_node": ("input:=joystick",),
}
ARGUMENTS = {
    f"{stack}.{argument.name}": argument
    for stack, arguments in (
        ("sim", SIM_ARGUMENTS),
        ("robot", ROBOT_ARGUMENTS),
        ("record", RECORD_ARGUMENTS),
        ("camera", CAMERA_ARGUMENTS),
    )
    for argument in arguments
}


def installed() -> dict[str, str]:
    """Executable -> module of every node, as the packages' setup files install them."""
    setups = "\n".join(path.read_text() for path in (ROOT / "ros2_ws/src").glob("*/setup.py"))
    return dict(re.findall(r'"(\w+) = (inspire_\w+(?:\.nodes)?\.\w+):main"', setups))


@pytest.fixture
def made(domain_id, tmp_path):
    """A node of an executable, made in this process."""
    nodes = []

    def make(executable, module):
        parameters = [text.format(folder=tmp_path) for text in NEEDED.get(executable, ())]
        rclpy.init(args=["--ros-args", *(part for each in parameters for part in ("-p", each))])
        name = "".join(part.capitalize() for part in module.rpartition(".")[2].split("_"))
        nodes.append(getattr(importlib.import_module(module), name)())
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize(("executable", "module"), installed().items(), ids=installed())
def test_every_parameter_is_described_and_every_number_has_a_range(made, executable, module):
    if executable == "foxglove_node":
        pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: pip install foxglove-sdk")
    node = made(executable, module)
    names = [name for name in node.get_parameters_by_prefix("") if not name.startswith(ROS_OWN)]
    assert names
    for each in node.describe_parameters(names):
        assert each.type != ParameterType.PARAMETER_NOT_SET and not each.dynamic_typing, each.name
        assert len(each.description) > 10 and each.description.endswith("."), each.name
        if each.type in NUMBERS:
            assert each.floating_point_range or each.integer_range, each.name
        if each.type in LISTS:
            assert "from " in each.additional_constraints, each.name


@pytest.mark.parametrize(("executable", "module"), installed().items(), ids=installed())
def test_nothing_that_rclpy_keeps_on_a_node_is_overwritten(made, executable, module):
    """An attribute such as `_parameters` replaced by one of ours ends the process at the first `ros2 param list`."""
    if executable == "foxglove_node":
        pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: pip install foxglove-sdk")
    node = made(executable, module)
    plain = (LifecycleNode if isinstance(node, LifecycleNode) else Node)("plain")
    try:
        for name, value in vars(plain).items():
            assert value is None or isinstance(vars(node)[name], type(value)), name
    finally:
        plain.destroy_node()


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_launch_argument_is_described_and_every_number_has_a_range(name):
    argument = ARGUMENTS[name]
    assert len(argument.description) > 10 and argument.description.endswith(".")
    if isinstance(argument.default, (int, float)) and not isinstance(argument.default, bool):
        assert argument.low is not None and argument.high is not None and argument.low < argument.high
        assert argument.parse(argument.low) == argument.low and argument.parse(argument.high) == argument.high
    assert argument.parse(argument.default) == argument.default
