"""The gripper's actions for real where control_msgs is installed, and a sentence that names its package elsewhere."""

import importlib.util
import subprocess
import sys

import pytest
from inspire_msgs.msg import GateStatus
from rclpy.action import ActionServer
from stand import MS, isolated

MISSING = "control_msgs is not in the wheels; a ROS 2 from apt has it (ros-jazzy-control-msgs)"
installed = importlib.util.find_spec("control_msgs") is not None
KINDS = {"parallel_gripper_command": "ParallelGripperCommand", "gripper_command": "GripperCommand"}
FINGERS = (
    *("gripper_rule:=switch", "gripper_closed_position:=0.0", "gripper_open_position:=0.04"),
    *("gripper_joint:=finger", "gripper_max_effort:=15.0"),
)


@pytest.mark.skipif(not installed, reason=MISSING)
@pytest.mark.parametrize("output", list(KINDS))
def test_a_goal_on_change_only_waits_for_its_server_and_is_in_the_joints_own_unit(stand, output):
    from control_msgs import action

    kind = getattr(action, KINDS[output])
    gate = stand("mode:=lockstep", "preset:=sim", f"gripper_output:={output}", *FINGERS)
    goals: list[tuple[float, float]] = []

    def execute(handle):
        command = handle.request.command
        if output == "gripper_command":
            goals.append((command.position, command.max_effort))
        else:
            assert list(command.name) == ["finger"]
            goals.append((command.position[0], command.effort[0]))
        handle.succeed()
        return kind.Result(reached_goal=True)

    assert gate.acquire("policy").granted
    t = 100_000 * MS

    def period(index: int, opening: float) -> None:
        gate.pose(t + index * 50 * MS)
        gate.act(t + index * 50 * MS, opening=opening)
        gate.wait(lambda: len(gate.targets) == index + 1)

    period(0, 0.9)
    assert goals == []  # nobody is there yet: the goal waits
    server = ActionServer(gate.node, kind, "arm/gripper_cmd", execute)
    gate.wait(lambda: goals == [(0.04, 15.0)])
    for index, opening in enumerate((1.0, 0.5, 0.45, 0.55), start=1):  # hysteresis
        period(index, opening)
    gate.spin(0.3)
    assert goals == [(0.04, 15.0)]
    period(5, 0.1)
    gate.wait(lambda: len(goals) == 2)
    assert goals[1] == (0.0, 15.0)
    assert gate.statuses[-1].state == GateStatus.MOVING
    server.destroy()


def refusal(*parameters: str) -> str:
    """What a gate says that refuses its parameters."""
    arguments = [part for parameter in parameters for part in ("-p", parameter)]
    ended = subprocess.run(
        [sys.executable, "-m", "inspire_arm.nodes.arm_gate", "--ros-args", *arguments],
        env=isolated(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.skipif(installed, reason="control_msgs is installed here")
def test_without_control_msgs_an_action_gripper_names_the_package_to_install():
    assert "apt-get install ros-jazzy-control-msgs" in refusal("gripper_output:=parallel_gripper_command")


def test_an_action_gripper_needs_the_rule_that_speaks_on_change_only():
    assert "parameter gripper_rule: expected switch" in refusal("preset:=sim", "gripper_output:=gripper_command")
