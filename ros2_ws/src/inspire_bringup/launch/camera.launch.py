"""RealSense cameras: `ros2 launch inspire_bringup camera.launch.py cameras:=wrist:123456` (see --show-args).

Everything is described in `inspire_bringup.camera_stack`; this file only says it in the words of launch.
"""

from launch import LaunchContext, LaunchDescription

from inspire_bringup.camera_stack import CAMERA_ARGUMENTS, camera_stack
from inspire_bringup.launching import actions, described, given


def start(context: LaunchContext) -> list:
    """The actions of the stack with the values that launch was given."""
    return actions(camera_stack(**given(context, CAMERA_ARGUMENTS)))


def generate_launch_description() -> LaunchDescription:
    """The arguments, then the stack."""
    return described(CAMERA_ARGUMENTS, start)
