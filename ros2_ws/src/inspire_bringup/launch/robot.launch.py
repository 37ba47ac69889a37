"""A real arm: `ros2 launch inspire_bringup robot.launch.py arm:=franka bundle:=...` (see --show-args).

Everything is described in `inspire_bringup.robot_stack`; this file only says it in the words of launch.
"""

from launch import LaunchContext, LaunchDescription

from inspire_bringup.launching import actions, described, given
from inspire_bringup.robot_stack import ROBOT_ARGUMENTS, robot_stack


def start(context: LaunchContext) -> list:
    """The actions of the stack with the values that launch was given."""
    return actions(robot_stack(**given(context, ROBOT_ARGUMENTS)))


def generate_launch_description() -> LaunchDescription:
    """The arguments, then the stack."""
    return described(ROBOT_ARGUMENTS, start)
