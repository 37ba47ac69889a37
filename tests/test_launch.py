"""The launch file says what `inspire_bringup.stacks` describes; launch_ros comes with a ROS 2 from apt only."""

import importlib.util

import pytest

from inspire_bringup.paths import share_folder
from inspire_bringup.stacks import SIM_ARGUMENTS, sim_stack

LAUNCH_FILE = share_folder() / "launch" / "sim.launch.py"


def test_the_launch_file_is_where_launch_looks_for_it_and_compiles():
    compile(LAUNCH_FILE.read_text(), str(LAUNCH_FILE), "exec")


def test_the_launch_file_declares_every_argument_and_starts_every_node(monkeypatch):
    pytest.importorskip("launch_ros", reason="launch and launch_ros are not in the wheels; a ROS 2 from apt has them")
    from launch import LaunchContext

    spec = importlib.util.spec_from_file_location("sim_launch", LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description = module.generate_launch_description()
    declared = {argument.name: argument for argument in description.get_launch_arguments()}
    assert list(declared) == [argument.name for argument in SIM_ARGUMENTS]
    for argument in SIM_ARGUMENTS:
        assert declared[argument.name].description == argument.description
        assert tuple(declared[argument.name].choices or ()) == argument.choices
    context = LaunchContext()
    context.launch_configurations.update({argument.name: str(argument.default) for argument in SIM_ARGUMENTS})
    context.launch_configurations["commander"] = "expert"
    started = [(node.node_package, node.node_executable) for node in module.start(context)]
    assert started == [(node.package, node.executable) for node in sim_stack(commander="expert").nodes]
