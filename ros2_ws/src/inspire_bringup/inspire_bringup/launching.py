"""A stack in the words of launch: its arguments as launch arguments, its nodes as launch actions.

Imported by the launch files alone: `launch` and `launch_ros` come with a ROS 2 from apt, not with the wheels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, SetEnvironmentVariable
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from inspire_bringup.environment import launch_environment
from inspire_bringup.stacks import NodeSpec, Stack, StackArgument, Value


def described(
    arguments: Sequence[StackArgument], start: Callable[[LaunchContext], list[LaunchDescriptionEntity]]
) -> LaunchDescription:
    """The launch description: arguments, the environment that the stacks share, and `start` once values are known."""
    declared = [
        DeclareLaunchArgument(
            argument.name,
            default_value=_text(argument.default),
            description=argument.description + _range(argument),
            choices=list(argument.choices) or None,
        )
        for argument in arguments
    ]
    environment = [SetEnvironmentVariable(name, value) for name, value in launch_environment().items()]
    return LaunchDescription([*declared, *environment, OpaqueFunction(function=start)])


def given(context: LaunchContext, arguments: Sequence[StackArgument]) -> Mapping[str, Value]:
    """The values that launch was given, of the arguments' types. Raises BadInput."""
    return {
        argument.name: argument.parse(LaunchConfiguration(argument.name).perform(context)) for argument in arguments
    }


def actions(stack: Stack) -> list[LaunchDescriptionEntity]:
    """What starts a stack; a required node that ends takes the others along."""
    environment = [SetEnvironmentVariable(name, value) for name, value in stack.environment.items()]
    return [*environment, *(_node(spec) for spec in stack.nodes)]


def _node(spec: NodeSpec) -> Node:
    kind = LifecycleNode if spec.lifecycle else Node
    return kind(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        parameters=[*spec.parameter_files, dict(spec.parameters)],
        remappings=list(spec.remappings),
        ros_arguments=["--enclave", spec.enclave],
        output="screen",
        on_exit=_end_all if spec.required else None,
    )


def _end_all(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """A required node has ended: so do the others, unless they are ending already."""
    return [] if context.is_shutdown else [EmitEvent(event=Shutdown(reason=f"{event.process_name} ended"))]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _range(argument: StackArgument) -> str:
    """The range of a number, which launch has no field for."""
    return "" if argument.low is None else f" From {argument.low:.10g} to {argument.high:.10g}."
