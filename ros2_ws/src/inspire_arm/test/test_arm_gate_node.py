"""The gate as a process, over real DDS: leases, refusals, lockstep answers, the loop in realtime and the last word."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import EndEffectorAction, GateStatus
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from stand import DOWN, EVERYTHING, MS, isolated
from std_msgs.msg import Bool

from inspire_policy.ros import messages, qos

PATIENT = ("max_action_age:=10.0", "max_observation_age:=10.0", "max_pose_age:=10.0", "max_pose_silence:=10.0")

pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a fiftieth


def test_lockstep_lease_duplicates_and_the_last_word(stand):
    gate = stand("mode:=lockstep", "preset:=sim")
    t = 100_000 * MS
    gate.pose(t)
    gate.act(t)
    gate.wait(lambda: gate.counts().get("no_lease", 0) == 1)
    assert gate.targets == []

    assert gate.acquire("policy").granted
    refused = gate.acquire("expert")
    assert not refused.granted and refused.holder == "policy"
    gate.act(t, commander="expert")
    gate.wait(lambda: gate.counts().get("wrong_commander", 0) == 1)
    assert gate.targets == []

    gate.act(t)
    gate.wait(lambda: len(gate.targets) == 1 and len(gate.openings) == 1)
    gate.act(t)
    gate.wait(lambda: len(gate.targets) == 2 and len(gate.openings) == 2)
    assert gate.targets[0] == gate.targets[1]
    assert messages.stamp_ns(gate.targets[0].header.stamp) == t
    position, quaternion = messages.pose_arrays(gate.targets[0].pose)
    assert np.array_equal(position, np.array([0.5, 0.0, 0.3]) + [0.01, 0.0, 0.0])
    assert np.array_equal(quaternion, DOWN)
    gate.wait(lambda: gate.in_state(GateStatus.MOVING) and gate.statuses[-1].commander_id == "policy")

    # The pose comes after the action of its stamp.
    gate.act(t + 50 * MS)
    gate.spin(0.2)
    assert len(gate.targets) == 2
    gate.pose(t + 50 * MS, (0.505, 0.0, 0.3))
    gate.wait(lambda: len(gate.targets) == 3)

    gate.process.send_signal(signal.SIGTERM)
    gate.wait(lambda: len(gate.targets) == 4)
    assert gate.process.wait(timeout=120) == 0
    assert gate.targets[3].pose == gate.targets[2].pose


def test_realtime_silence_stop_reset_and_a_second_commander(stand):
    # Ages are no matter here: they would depend on how busy this machine is.
    gate = stand("preset:=sim", "silence_hold:=0.3", "silence_fault:=5.0", *PATIENT)
    assert gate.acquire("policy").granted

    def drive() -> None:
        gate.pose(gate.next())
        gate.spin(0.01)
        gate.act(gate.now())
        gate.spin(0.04)

    gate.wait(lambda: drive() or gate.in_state(GateStatus.MOVING))
    moving = len(gate.statuses)
    sagging = (0.5, 0.0, 0.25)  # the arm sags, the hold does not
    holds = GateStatus.HOLDING
    gate.wait(lambda: holds in {s.state for s in gate.statuses[moving:]}, position=(0.5, 0.0, 0.3))
    first = gate.targets[-1].pose
    gate.wait(lambda: gate.in_state(GateStatus.FAULT), position=sagging)
    assert gate.latched() == ["silence"]
    said = len(gate.targets)
    gate.wait(lambda: len(gate.targets) >= said + 5, position=sagging)
    assert gate.targets[-1].pose == first

    assert gate.trigger("arm/reset").success
    gate.wait(lambda: gate.latched() == [] and gate.statuses[-1].state == GateStatus.HOLDING)
    assert gate.trigger("arm/stop").success
    gate.wait(lambda: gate.latched() == ["operator_stop"])
    refused = gate.acquire("policy")
    assert not refused.granted and "operator_stop" in refused.message and "arm/reset" in refused.message

    assert gate.trigger("arm/reset").success
    second = gate.node.create_publisher(EndEffectorAction, "inspire/action", qos.COMMAND)
    gate.wait(lambda: gate.latched() == ["second_commander"])
    gate.node.destroy_publisher(second)
    gate.process.send_signal(signal.SIGINT)
    assert gate.process.wait(timeout=120) == 0


def test_a_pose_that_is_not_finite_is_a_fault_and_the_arm_holds(stand):
    gate = stand("mode:=lockstep", "preset:=sim")
    t = 100_000 * MS
    assert gate.acquire("policy").granted
    gate.pose(t)
    gate.act(t)
    gate.wait(lambda: len(gate.targets) == 1)
    gate.pose(t + 50 * MS, (0.5, float("nan"), 0.3))
    gate.wait(lambda: gate.latched() == ["non_finite_pose"] and len(gate.targets) == 2)
    assert gate.targets[1].pose == gate.targets[0].pose


def test_motion_is_shown_and_not_sent_until_enabled(stand):
    gate = stand("mode:=lockstep")
    shown: list[PoseStamped] = []
    gate.node.create_subscription(PoseStamped, "arm/dry_run/target_pose", shown.append, EVERYTHING)
    gate.wait(lambda: gate.node.count_publishers("arm/dry_run/target_pose") == 1)
    assert gate.acquire("policy").granted
    t = 100_000 * MS

    def ask() -> bool:  # until the subscription is matched the answer is lost, and asked for again
        gate.pose(t)
        gate.act(t)
        return bool(shown)

    gate.wait(ask)
    assert gate.targets == [] and shown[0].pose.position.x == pytest.approx(0.51)
    gate.wait(lambda: gate.counts().get("motion_disabled", 0) >= 1)

    client = gate.client(SetParameters, "arm_gate/set_parameters")
    request = SetParameters.Request(parameters=[Parameter("enable_motion", value=True).to_parameter_msg()])
    assert gate.call(client, request).results[0].successful
    gate.wait(lambda: gate.statuses[-1].commander_id == "")
    assert gate.targets == [] and gate.acquire("policy").granted
    gate.pose(t + 50 * MS)
    gate.act(t + 50 * MS)
    gate.wait(lambda: len(gate.targets) == 1)


def test_a_robot_moves_only_while_the_deadman_is_held(stand):
    gate = stand("enable_motion:=true", "silence_hold:=1.0", "silence_fault:=10.0", "deadman_timeout:=1.0", *PATIENT)
    switch = gate.node.create_publisher(Bool, "arm/deadman", qos.HEARTBEAT)
    gate.wait(switch.get_subscription_count)
    assert gate.acquire("policy").granted

    def drive() -> None:
        gate.pose(gate.next())
        gate.act(gate.now(), translation=(0.001, 0.0, 0.0))
        gate.spin(0.05)

    gate.wait(lambda: drive() or gate.counts().get("no_deadman", 0) >= 1)
    assert gate.targets == []
    gate.wait(lambda: switch.publish(Bool(data=True)) or drive() or bool(gate.targets))
    began = time.monotonic()

    def let_go_and_drive() -> None:
        """Two seconds each: an arm that a machine's own pause has stopped, as silence, is driven once more."""
        held = int((time.monotonic() - began) / 2.0) % 2 == 1
        switch.publish(Bool(data=held))
        if held:
            drive()

    stopped = {"deadman_released", "deadman_lost"}
    gate.wait(lambda: let_go_and_drive() or (gate.in_state(GateStatus.HOLDING) and stopped & set(gate.counts())))


def test_diagnostics_name_state_rates_ages_and_every_reason(stand):
    gate = stand("mode:=lockstep", "preset:=sim")
    told: list[DiagnosticStatus] = []
    gate.node.create_subscription(
        DiagnosticArray, "/diagnostics", lambda message: told.extend(message.status), EVERYTHING
    )
    gate.act(100_000 * MS)
    gate.wait(lambda: told and "no_lease" in {pair.key for pair in told[-1].values})
    values = {pair.key: pair.value for pair in told[-1].values}
    assert told[-1].name == "arm_gate" and told[-1].message == "idle" and told[-1].level == DiagnosticStatus.OK
    assert values["no_lease"] == "1" and values["pose_age_ms"] == "none" and float(values["action_age_ms"]) > 0
    assert values["controller"] == "impedance_pose" and values["lease"] == "none" and values["command_rate_hz"] == "0"
    assert gate.trigger("arm/stop").success
    gate.wait(lambda: told[-1].level == DiagnosticStatus.ERROR)
    assert "operator_stop" in told[-1].message


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("preset:=lab", "parameter preset: expected text, one of robot, sim, found 'lab'"),
        ("max_linear_speed:=9.0", "parameter max_linear_speed: expected a decimal number"),
        ("workspace_low:=[2.0, 0.0, 0.0]", "expected workspace_low below workspace_high"),
        ("silence_hold:=0.6", "expected 0 < hold_after < fault_after"),
        ("controller:=servo", "parameter controller: expected text, one of impedance_pose, stiff_pose, twist"),
        ("twist_frame:=world", "expected panda_link0 (base_frame) or panda_grip_site (tool_frame), found 'world'"),
        ("gripper_open_position:=0.0", "expected two different positions for closed and open"),
        ("keep_out:=[0.1, 0.2, 0.3]", "expected six numbers (m) for each box"),
    ],
)
def test_a_wrong_parameter_is_a_sentence_and_exit_code_2(parameter, message):
    result = subprocess.run(
        [sys.executable, "-m", "inspire_arm.nodes.arm_gate", "--ros-args", "-p", parameter],
        env=isolated(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 2
    assert message in result.stderr and "Traceback" not in result.stderr
