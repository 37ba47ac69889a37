"""The simulated arm: `ros2 launch inspire_bringup sim.launch.py world:=tabletop commander:=expert` (see --show-args).

Everything is described in `inspire_bringup.stacks`; this file only says it in the words of launch.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, SetEnvironmentVariable
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from inspire_bringup.environment import launch_environment
from inspire_bringup.stacks import SIM_ARGUMENTS, sim_stack


def start(context: LaunchContext) -> list:
    """The actions of the stack with the values that launch was given."""
    values = {
        argument.name: argument.parse(LaunchConfiguration(argument.name).perform(context)) for argument in SIM_ARGUMENTS
    }
    actions = []
    for spec in sim_stack(**values).nodes:
        kind = LifecycleNode if spec.lifecycle else Node
        actions.append(
            kind(
                package=spec.package,
                executable=spec.executable,
                name=spec.name,
                namespace=spec.namespace,
                parameters=[dict(spec.parameters)],
                remappings=list(spec.remappings),
                output="screen",
                on_exit=[EmitEvent(event=Shutdown(reason=f"{spec.name} ended"))] if spec.required else None,
            )
        )
    return actions


def generate_launch_description() -> LaunchDescription:
    """The arguments, then the stack."""
    arguments = [
        DeclareLaunchArgument(
            argument.name,
            default_value=str(argument.default),
            description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in SIM_ARGUMENTS
    ]
    environment = [SetEnvironmentVariable(name, value) for name, value in launch_environment().items()]
    return LaunchDescription([*arguments, *environment, OpaqueFunction(function=start)])
