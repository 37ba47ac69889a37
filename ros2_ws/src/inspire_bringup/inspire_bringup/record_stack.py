"""What is started beside a running stack to collect demonstrations: the recorder, and a joystick where there is one.

The keyboard is not here: it needs a terminal of its own, `ros2 run inspire_bringup teleop_node`.
"""

from __future__ import annotations

from inspire_bringup.stacks import MODES, NodeSpec, Stack, StackArgument, Value, absolute_namespace, clock_remapping

TELEOPERATION = ("none", "joystick")

RECORD_ARGUMENTS: tuple[StackArgument, ...] = (
    StackArgument(
        name="folder", default="runs/episodes", description="Folder of the recordings: one MCAP file per instruction."
    ),
    StackArgument(
        name="namespace", default="", description="Namespace of the stack that is recorded, such as left; or empty."
    ),
    StackArgument(
        name="cameras", default="agentview,wrist", description="Names of the cameras to record, between commas."
    ),
    StackArgument(name="bundle", default="", description="Name of the policy's bundle, told in the recordings."),
    StackArgument(
        name="reserve_mb",
        default=200,
        low=0,
        high=1_000_000,
        description="Disk space left to others, MB: below it a recording is closed and none is begun.",
    ),
    StackArgument(
        name="teleop",
        default="none",
        choices=TELEOPERATION,
        description="joystick: also start the teleoperation commander, on the topic joy of the package joy.",
    ),
    StackArgument(
        name="mode", default="realtime", choices=MODES, description="How the stack keeps time; read by teleop only."
    ),
    StackArgument(
        name="use_sim_time", default=False, description="Whether the stack's time is simulated; read by teleop only."
    ),
)


def record_stack(
    *,
    folder: str = "runs/episodes",
    namespace: str = "",
    cameras: str = "agentview,wrist",
    bundle: str = "",
    reserve_mb: int = 200,
    teleop: str = "none",
    mode: str = "realtime",
    use_sim_time: bool = False,
) -> Stack:
    """The recorder of a running stack, and the joystick's commander. Args: as described by RECORD_ARGUMENTS.

    Raises BadInput on a value that is not among its choices or out of its range.
    """
    values: dict[str, Value] = {"reserve_mb": reserve_mb, "teleop": teleop, "mode": mode}
    for argument in RECORD_ARGUMENTS:
        if argument.name in values:
            argument.parse(values[argument.name])
    namespace = absolute_namespace(namespace)
    nodes = [episode_recorder(folder, namespace=namespace, cameras=cameras, bundle=bundle, reserve_mb=reserve_mb)]
    if teleop == "joystick":
        nodes.append(joystick(namespace, mode=mode, use_sim_time=use_sim_time, required=False))
    return Stack(
        name="record", namespace=namespace, commander="teleop" if teleop != "none" else "none", nodes=tuple(nodes)
    )


def episode_recorder(
    folder: str,
    *,
    namespace: str = "",
    cameras: str = "agentview,wrist",
    bundle: str = "",
    reserve_mb: int = 200,
) -> NodeSpec:
    """The node that records every instruction to a file of its own; the stack runs on when it fails."""
    return NodeSpec(
        package="inspire_bringup",
        executable="recorder_node",
        name="episode_recorder",
        namespace=namespace,
        remappings=clock_remapping(namespace),
        parameters={"folder": folder, "cameras": cameras, "bundle": bundle, "reserve_mb": reserve_mb},
        required=False,
        stop_order=2,
    )


def joystick(
    namespace: str = "", *, mode: str = "lockstep", use_sim_time: bool = True, required: bool = True
) -> NodeSpec:
    """The teleoperation commander at a joystick."""
    return NodeSpec(
        package="inspire_bringup",
        executable="teleop_node",
        name="teleop",
        namespace=namespace,
        remappings=clock_remapping(namespace),
        parameters={"input": "joystick", "mode": mode, "use_sim_time": use_sim_time},
        required=required,
    )
