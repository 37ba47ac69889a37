"""Every parameter of every node of this package has a type, a description and, where it is a number, a range."""

import pytest
import rclpy
from rcl_interfaces.msg import ParameterType
from stand import isolated

from inspire_arm.nodes.arm_gate import ArmGate
from inspire_arm.nodes.arm_state import ArmState
from inspire_arm.nodes.fake_arm import FakeArm
from inspire_policy.ros.parameters import ConfigurationError

NAMES = ("qos_overrides", "start_type_description", "use_sim_time")
DRIVER = ("pose_topic:=pose", "gripper_topic:=joint_states", "gripper_joint:=finger")


@pytest.fixture
def made(request):
    """A node in this process, made with parameters."""
    nodes = []

    def make(kind, *parameters):
        domain = int(isolated()["ROS_DOMAIN_ID"])
        rclpy.init(args=["--ros-args", *(part for each in parameters for part in ("-p", each))], domain_id=domain)
        nodes.append(kind())
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize(
    ("kind", "parameters", "some"),
    [
        (ArmGate, (), {"keep_out", "deadman_required", "controller", "max_lead", "gripper_output", "twist_frame"}),
        (ArmState, DRIVER, {"pose_topic", "pose_turn", "gripper_open_position"}),
        (FakeArm, (), {"controller", "start", "rate"}),
    ],
)
def test_every_parameter_has_a_description_and_every_number_a_range(made, kind, parameters, some):
    node = made(kind, *parameters)
    names = [name for name in node.get_parameters_by_prefix("") if not name.startswith(NAMES)]
    assert some <= set(names)
    for each in node.describe_parameters(names):
        assert len(each.description) > 10, each.name
        if each.type in (ParameterType.PARAMETER_DOUBLE, ParameterType.PARAMETER_INTEGER):
            assert each.floating_point_range or each.integer_range, each.name
        if each.type == ParameterType.PARAMETER_DOUBLE_ARRAY:
            assert "from -10 to 10" in each.additional_constraints, each.name


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (ArmState, (), "parameter pose_topic: expected a name, found an empty one"),
        (ArmState, (*DRIVER, "gripper_open_position:=0.0"), "expected two different positions for closed and open"),
        (ArmGate, ("mode:=lockstep", "deadman_required:=true"), "deadman_required: expected false in lockstep"),
        (
            ArmGate,
            ("controller:=stiff_pose", "max_lead:=0.05"),
            "max_lead: expected max_hold_distance (0.04 m) at most",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(made, kind, parameters, message):
    with pytest.raises(ConfigurationError) as refused:
        made(kind, *parameters)
    assert message in str(refused.value)
