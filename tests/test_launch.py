"""The launch files say what the stacks describe; launch_ros comes with a ROS 2 from apt only."""

import importlib.util

import pytest

from inspire_bringup.camera_stack import CAMERA_ARGUMENTS, camera_stack
from inspire_bringup.paths import share_folder
from inspire_bringup.record_stack import RECORD_ARGUMENTS, record_stack
from inspire_bringup.robot_stack import ROBOT_ARGUMENTS, robot_stack
from inspire_bringup.stacks import SIM_ARGUMENTS, sim_stack

FOLDER = share_folder() / "launch"
STACKS = {
    "sim": (SIM_ARGUMENTS, sim_stack, {"commander": "expert"}),
    "robot": (ROBOT_ARGUMENTS, robot_stack, {"arm": "ur_servo", "cameras": "agentview:1,wrist:2"}),
    "record": (RECORD_ARGUMENTS, record_stack, {"teleop": "joystick"}),
    "camera": (CAMERA_ARGUMENTS, camera_stack, {"cameras": "wrist", "discovery_range": "SUBNET"}),
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.launch.py")), ids=lambda path: path.name)
def test_a_launch_file_compiles_and_is_thin(path):
    text = path.read_text()
    compile(text, str(path), "exec")
    assert len(text.splitlines()) < 60


@pytest.mark.parametrize("name", STACKS)
def test_a_launch_file_declares_every_argument_and_starts_every_node(name):
    pytest.importorskip("launch_ros", reason="launch and launch_ros are not in the wheels; a ROS 2 from apt has them")
    from launch import LaunchContext
    from launch.actions import SetEnvironmentVariable
    from launch_ros.actions import Node

    arguments, make, values = STACKS[name]
    spec = importlib.util.spec_from_file_location(f"{name}_launch", FOLDER / f"{name}.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description = module.generate_launch_description()
    declared = {argument.name: argument for argument in description.get_launch_arguments()}
    assert list(declared) == [argument.name for argument in arguments]
    for argument in arguments:
        assert declared[argument.name].description.startswith(argument.description)
        assert tuple(declared[argument.name].choices or ()) == argument.choices
    context = LaunchContext()
    context.launch_configurations.update({argument.name: str(argument.default) for argument in arguments} | values)
    actions = module.start(context)
    stack = make(**values)
    started = [(each.node_package, each.node_executable) for each in actions if isinstance(each, Node)]
    assert started == [(node.package, node.executable) for node in stack.nodes]
    assert sum(isinstance(each, SetEnvironmentVariable) for each in actions) == len(stack.environment)
