"""RealSense cameras as a stack of their own, and as a part of the robot's."""

from __future__ import annotations

import os

from inspire_bringup.errors import BadInput
from inspire_bringup.stacks import NodeSpec, Stack, StackArgument, Value, absolute_namespace

SOURCES = ("live", "synthetic")
DISCOVERY_RANGES = ("LOCALHOST", "SUBNET", "SYSTEM_DEFAULT")
DISCOVERY = "ROS_AUTOMATIC_DISCOVERY_RANGE"


def _discovery_range() -> str:
    """The environment's own setting where it is one of those offered, else this machine only."""
    own = os.environ.get(DISCOVERY, "")
    return own if own in DISCOVERY_RANGES else DISCOVERY_RANGES[0]


NAMESPACE = StackArgument(
    name="namespace", default="", description="Namespace of all nodes and topics, such as left; empty for none."
)
DISCOVERY_RANGE = StackArgument(
    name="discovery_range",
    default=_discovery_range(),
    choices=DISCOVERY_RANGES,
    description="Who can talk to the nodes: LOCALHOST, this machine only; SUBNET, everybody on its network; "
    "SYSTEM_DEFAULT, as the DDS profile says. The environment's own setting is the default.",
)
CAMERA_SOURCE = StackArgument(
    name="camera_source",
    default=SOURCES[0],
    choices=SOURCES,
    description="live: plugged-in RealSense cameras; synthetic: librealsense's software device with a test picture.",
)

CAMERA_ARGUMENTS: tuple[StackArgument, ...] = (
    StackArgument(
        name="cameras",
        default="camera",
        description="Cameras to start, between commas: a name, with its serial number after a colon where there are "
        "several, such as agentview:123456,wrist:654321.",
    ),
    CAMERA_SOURCE,
    StackArgument(
        name="autostart", default=True, description="Whether the cameras configure and activate themselves (lifecycle)."
    ),
    NAMESPACE,
    DISCOVERY_RANGE,
)


def camera_nodes(
    cameras: str, *, source: str = "live", autostart: bool = True, namespace: str = "", required: bool = True
) -> tuple[NodeSpec, ...]:
    """One camera node for each of `cameras` (see CAMERA_ARGUMENTS); `namespace` is absolute or empty.

    Raises BadInput on names or serial numbers that cannot be.
    """
    entries = [entry.strip().partition(":") for entry in cameras.split(",") if entry.strip()]
    names = [name for name, _, _ in entries]
    serials = [serial for _, _, serial in entries]
    wrong = [name for name in names if not name.isidentifier()] + [
        text for text in serials if not text.isalnum() and text
    ]
    if wrong or len(set(names)) != len(names):
        raise BadInput(f"cameras: expected different names such as agentview:123456,wrist:654321, found {cameras!r}")
    if len(names) > 1 and source == "live" and not (all(serials) and len(set(serials)) == len(serials)):
        raise BadInput(
            f"cameras: expected a serial number for each of several cameras (agentview:123456,...), found {cameras!r}"
        )
    nodes = []
    for name, serial in zip(names, serials):
        parameters: dict[str, Value] = {"camera_name": name, "source": source, "autostart": autostart}
        if serial:
            parameters["serial_no"] = f"_{serial}"
        nodes.append(
            NodeSpec(
                package="inspire_camera",
                executable="camera_node",
                name=f"camera_{name}",
                namespace=namespace,
                parameters=parameters,
                lifecycle=True,
                required=required,
                stop_order=2,
            )
        )
    return tuple(nodes)


def camera_stack(
    *,
    cameras: str = "camera",
    camera_source: str = "live",
    autostart: bool = True,
    namespace: str = "",
    discovery_range: str = "LOCALHOST",
) -> Stack:
    """The cameras alone. Args: as described by CAMERA_ARGUMENTS. Raises BadInput."""
    CAMERA_SOURCE.parse(camera_source)
    DISCOVERY_RANGE.parse(discovery_range)
    namespace = absolute_namespace(namespace)
    nodes = camera_nodes(cameras, source=camera_source, autostart=autostart, namespace=namespace)
    if not nodes:
        raise BadInput("cameras: expected the name of a camera, found none")
    return Stack(
        name="camera", namespace=namespace, commander="none", nodes=nodes, environment={DISCOVERY: discovery_range}
    )
