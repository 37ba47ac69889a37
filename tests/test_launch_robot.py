"""robot.launch.py as a user starts it, with a stand-in for the arm: every stop is tripped, every exit is looked at.

A launch test: it runs where launch_testing is installed (`launch_test tests/test_launch_robot.py`, or pytest with its
plugin). The runner plays the same scenario everywhere, in test_robot.py.
"""

import os
import sys
import tempfile
import unittest
from pathlib import Path

import pytest

pytest.importorskip("launch_testing", reason="launch_testing is not in the wheels; a ROS 2 from apt has it")

import launch_testing.actions
import launch_testing.asserts
import launch_testing.markers
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription, SetEnvironmentVariable
from launch.launch_description_sources import PythonLaunchDescriptionSource

sys.path.insert(0, str(Path(__file__).parent))

from operator_station import Station, patient_arm, trip_everything

from inspire_bringup.paths import share_folder
from inspire_policy.action import ActionContract
from inspire_policy.ros.domains import free_domain_id

NODES = ("arm_gate", "fake_arm")


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description():
    """The stack in a ROS domain of its own, motion enabled, the deadman required."""
    domain = free_domain_id()
    arm = patient_arm(Path(tempfile.mkdtemp(prefix="inspire_launch_test_")), "ur_servo")
    robot = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share_folder() / "launch" / "robot.launch.py")),
        launch_arguments={
            **{"arm": str(arm), "fake_arm": "true", "commander": "none", "namespace": "left"},
            **{"enable_motion": "true", "discovery_range": "LOCALHOST"},
        }.items(),
    )
    own = SetEnvironmentVariable("ROS_DOMAIN_ID", str(domain))
    return LaunchDescription([own, robot, launch_testing.actions.ReadyToTest()]), {"domain": domain}


class TestEveryStop(unittest.TestCase):
    """While the stack runs."""

    def test_every_stop_stops_the_arm(self, domain):
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        station = Station(domain, ActionContract(frame="base_link", tool_frame="tool0"), "/left")
        try:
            trip_everything(station)
        finally:
            station.close()


@launch_testing.post_shutdown_test()
class TestExits(unittest.TestCase):
    """After it has ended."""

    def test_every_node_ended_by_itself_and_well(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
        self.assertEqual(sorted(name.split("-")[0] for name in proc_info.process_names()), sorted(NODES))
