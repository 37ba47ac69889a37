"""The recorder beside a running stack: `ros2 launch inspire_bringup record.launch.py folder:=episodes` (--show-args).

Everything is described in `inspire_bringup.record_stack`; this file only says it in the words of launch.
"""

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

from inspire_bringup.launching import actions, described, given
from inspire_bringup.record_stack import RECORD_ARGUMENTS, record_stack


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The nodes with the values that launch was given."""
    return actions(record_stack(**given(context, RECORD_ARGUMENTS)))


def generate_launch_description() -> LaunchDescription:
    """The arguments, then the nodes."""
    return described(RECORD_ARGUMENTS, start)
