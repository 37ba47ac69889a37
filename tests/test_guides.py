"""What the guides tell to do, done: the arm of docs/your-robot.md behind the real gate, from dry run to every stop."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import start
from geometry_msgs.msg import PoseStamped
from operator_station import Station, patient_arm, trip_everything
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from inspire_arm.reasons import REGISTRY
from inspire_bringup.robot_stack import ROBOT_ARGUMENTS
from inspire_policy.action import ActionContract
from inspire_policy.ros import messages, qos

ROOT = Path(__file__).parents[1]
DRIVER, PARAMETERS = ROOT / "examples/my_arm.py", ROOT / "examples/my_arm.yaml"
CONTRACT = ActionContract(frame="my_arm_base", tool_frame="my_arm_tcp")


class Beginner(Station):
    """An operator who looks at the dry run and enables motion."""

    def __init__(self, domain_id: int) -> None:
        super().__init__(domain_id, CONTRACT)
        self.shown: list[np.ndarray] = []
        self._node.create_subscription(PoseStamped, "arm/dry_run/target_pose", self._on_shown, qos.COMMAND)

    def _on_shown(self, message: PoseStamped) -> None:
        self.shown.append(messages.pose_arrays(message.pose)[0])

    def enable_motion(self) -> bool:
        """As `ros2 param set /arm_gate enable_motion true`."""
        value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=True)
        request = SetParameters.Request(parameters=[Parameter(name="enable_motion", value=value)])
        client = self._node.create_client(SetParameters, "arm_gate/set_parameters")
        self.wait(client.service_is_ready)
        return self._call(client, request).results[0].successful


@pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a twentieth
def test_an_arm_of_ones_own_from_dry_run_to_every_stop(domain_id, tmp_path):
    arm = patient_arm(tmp_path, str(PARAMETERS))
    driver = subprocess.Popen([sys.executable, str(DRIVER)], stderr=subprocess.PIPE, text=True)
    stack = start("inspire_bringup.serve", "robot", "--arm", arm, "--commander", "none", "--logs", tmp_path / "logs")
    station = Beginner(domain_id)
    try:
        station.wait(station.ready)
        before = station.place.copy()
        assert station.acquire()
        station.wait(lambda: len(station.shown) > 5 and station.counted("motion_disabled"), station.drive)
        assert np.array_equal(station.place, before), "a dry run moves nothing"
        assert station.shown[-1][1] > before[1], "and shows where the arm would go: to the left"

        station.wait(lambda: station.counted("deadman_released"), station.by_turns(station.let_go))
        refused = station.count("no_deadman")
        station.wait(lambda: station.count("no_deadman") > refused, station.let_go)  # nobody holds it any more
        assert station.enable_motion()
        assert station.trigger("arm/reset")
        trip_everything(station)
        assert station.place[1] > before[1] + 0.004
        assert driver.poll() is None
        stack.send_signal(signal.SIGINT)
        _, errors = stack.communicate(timeout=60)
    finally:
        station.close()
        for process in (driver, stack):
            process.kill()
            process.communicate()
    assert stack.returncode == 0, errors


def test_the_example_has_a_hundred_lines_at_most():
    lines = [line for file in (DRIVER, PARAMETERS) for line in file.read_text().splitlines()]
    assert len(lines) <= 100


def test_the_example_needs_nothing_of_this_project():
    assert "inspire" not in DRIVER.read_text(), "a driver is its own affair"


def words_in_code(document: str) -> set[str]:
    return set(re.findall(r"`([a-z][a-z_]+_[a-z_]+)`", (ROOT / document).read_text()))


@pytest.mark.parametrize("document", ["docs/robot.md", "docs/your-robot.md"])
def test_parameters_arguments_and_reasons_that_a_guide_names_exist(document):
    sources = "\n".join(path.read_text() for path in (ROOT / "ros2_ws/src").glob("*/inspire_*/**/*.py"))
    known = {"control_msgs"} | set(REGISTRY) | {argument.name for argument in ROBOT_ARGUMENTS}
    unknown = {word for word in words_in_code(document) - known if f'"{word}"' not in sources}
    assert unknown == set()
