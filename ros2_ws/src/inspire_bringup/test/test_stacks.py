"""The description of the stacks, and what the runner makes of it."""

import sys
from itertools import pairwise

import pytest
import yaml

from inspire_bringup.errors import BadInput
from inspire_bringup.processes import node_command, ros_arguments
from inspire_bringup.stacks import SIM_ARGUMENTS, NodeSpec, StackArgument, recorder, sim_stack
from inspire_sim.worlds.registry import WORLDS


def test_the_expert_stack_has_a_body_a_gate_and_a_commander():
    stack = sim_stack(commander="expert", mode="realtime", image_size=96)
    assert [node.executable for node in stack.nodes] == ["sim_node", "arm_gate", "expert_node"]
    assert all(node.parameters["mode"] == "realtime" for node in stack.nodes)
    assert stack.nodes[0].parameters["image_size"] == 96
    assert all(node.remappings == () and node.namespace == "" for node in stack.nodes)


def test_a_commander_is_stopped_before_the_gate_and_the_gate_before_body_and_recorder():
    stack = sim_stack(commander="expert")
    order = {node.name: node.stop_order for node in (*stack.nodes, recorder(stack, "x.mcap"))}
    assert order["expert"] < order["arm_gate"] < order["sim"] == order["recorder"]


def test_a_namespace_moves_every_node_and_its_clock():
    stack = sim_stack(commander="expert", namespace="left")
    assert {node.namespace for node in (*stack.nodes, recorder(stack, "x.mcap"))} == {"/left"}
    assert all(node.remappings == (("/clock", "/left/clock"),) for node in stack.nodes)


def test_the_worlds_offered_are_those_that_exist():
    (world,) = (argument for argument in SIM_ARGUMENTS if argument.name == "world")
    assert world.choices == WORLDS


def test_every_argument_is_an_argument_of_the_stack_and_described():
    sim_stack(**{argument.name: argument.default for argument in SIM_ARGUMENTS} | {"commander": "expert"})
    for argument in SIM_ARGUMENTS:
        assert argument.description.endswith(".")
        assert not argument.choices or argument.default in argument.choices


@pytest.mark.parametrize(
    "wrong", [{"world": "moon"}, {"mode": "fast"}, {"commander": "me"}, {"namespace": "le ft"}, {"bundle": "nowhere"}]
)
def test_a_wrong_value_is_refused_with_what_was_expected(wrong):
    with pytest.raises(BadInput, match="expected .* found"):
        sim_stack(**wrong)


@pytest.mark.parametrize(
    ("default", "text", "value"), [(3, "4", 4), (1.5, "2", 2.0), (True, "false", False), ("a", "b", "b")]
)
def test_an_argument_reads_texts_of_its_own_type(default, text, value):
    assert StackArgument(name="x", default=default, description="").parse(text) == value


@pytest.mark.parametrize(("default", "text"), [(3, "four"), (1.5, "x"), (True, "2")])
def test_an_argument_refuses_other_types(default, text):
    with pytest.raises(BadInput, match="x: expected"):
        StackArgument(name="x", default=default, description="").parse(text)


def test_parameters_keep_their_types_on_the_command_line():
    values = {"task": "3", "image_size": 128, "timeout": 30.0, "use_sim_time": True, "path": "a 'b' \"c\": d"}
    arguments = ros_arguments(NodeSpec(package="p", executable="e", name="n", parameters=values))
    read = [argument.split(":=", 1) for flag, argument in pairwise(arguments) if flag == "-p"]
    assert {name: yaml.safe_load(text) for name, text in read} == values


def test_every_node_of_the_stack_is_installed():
    stack = sim_stack(commander="expert")
    for spec in (*stack.nodes, recorder(stack, "x.mcap")):
        assert node_command(spec)[:2] == [sys.executable, "-m"]


def test_the_policy_is_told_its_pace_and_whether_to_ask():
    told = next(spec for spec in sim_stack(language_every=4, ask_questions=False).nodes if spec.name == "policy")
    assert told.parameters["language_every"] == 4 and told.parameters["ask_questions"] is False
    with pytest.raises(BadInput, match="language_every: expected 1 to 100, found 0"):
        sim_stack(language_every=0)
