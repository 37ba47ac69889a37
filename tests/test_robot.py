"""The robot's stack with a stand-in for the arm, started by the runner: every stop is tripped, every exit is clean."""

import os
import signal

import pytest
from commands import call, start
from operator_station import Station, patient_arm, trip_everything

from inspire_policy.action import ActionContract


@pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a twentieth
@pytest.mark.parametrize(
    ("arm", "contract"),
    [("franka", ActionContract()), ("ur_servo", ActionContract(frame="base_link", tool_frame="tool0"))],
)
def test_every_stop_stops_the_arm_and_the_stack_ends_cleanly(domain_id, tmp_path, arm, contract):
    options = ["--arm", patient_arm(tmp_path, arm), "--fake-arm", "true", "--commander", "none", "--namespace", "left"]
    options += ["--enable-motion", "true", "--logs", tmp_path / "logs"]
    process = start("inspire_bringup.serve", "robot", *options)
    station = Station(domain_id, contract, "/left")
    try:
        trip_everything(station)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        station.close()
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert "killed" not in errors and "ended" not in errors, errors
    assert {"arm_gate.log", "fake_arm.log"} <= set(os.listdir(tmp_path / "logs"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--arm", "kuka"), "expected one of franka, sim, ur_servo, or the path of a YAML file, found 'kuka'"),
        (("--bundle", "nowhere"), "nowhere"),
        (("--autostart", "true", "--fake-arm", "true"), "franka"),  # the shipped bundle is made for the simulated arm
    ],
)
def test_what_does_not_go_together_is_a_sentence_and_exit_code_2(domain_id, options, message):
    ended = call("inspire_bringup.serve", "robot", *options, timeout=120)
    assert ended.code == 2, ended.errors
    assert message in ended.errors and "Traceback" not in ended.errors
