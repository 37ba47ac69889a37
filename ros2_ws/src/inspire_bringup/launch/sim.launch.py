"""The simulated arm: `ros2 launch inspire_bringup sim.launch.py world:=tabletop commander:=expert` (see --show-args).

Everything is described in `inspire_bringup.stacks`; this file only says it in the words of launch.
"""

from launch import LaunchContext, LaunchDescription

from inspire_bringup.launching import actions, described, given
from inspire_bringup.stacks import SIM_ARGUMENTS, sim_stack


def start(context: LaunchContext) -> list:
    """The actions of the stack with the values that launch was given."""
    return actions(sim_stack(**given(context, SIM_ARGUMENTS)))


def generate_launch_description() -> LaunchDescription:
    """The arguments, then the stack."""
    return described(SIM_ARGUMENTS, start)
