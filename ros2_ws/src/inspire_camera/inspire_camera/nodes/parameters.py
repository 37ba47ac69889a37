"""Parameters of the camera node, by the names of realsense-ros where it has them, and the source that they describe."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.node import Node

from inspire_camera.errors import CameraError
from inspire_camera.settings import CLOCKS, FILE, LIVE, SYNTHETIC, CameraSettings, Profile, SourceSettings
from inspire_policy.ros.parameters import ConfigurationError, declare

REPLAYED, RECORDED = "replayed", "recorded"


@dataclass(frozen=True)
class CameraParameters:
    """What the node was started with."""

    camera: CameraSettings
    source: SourceSettings
    autostart: bool


def declare_parameters(node: Node) -> CameraParameters:
    """Declare all parameters on `node`. Raises ConfigurationError on a wrong value."""
    source = declare(
        node,
        "source",
        LIVE,
        "live: a camera that is plugged in; file: a recording; synthetic: librealsense's software device.",
        choices=(LIVE, FILE, SYNTHETIC),
    )
    name = declare(node, "camera_name", "camera", "Name in topics (camera/<name>/...) and frames (<name>_..._frame).")
    serial = declare(
        node,
        "serial_no",
        "",
        "Serial number of a live camera, empty for the only one. ROS reads bare digits as a number: write _123 or "
        "'\"123\"'.",
    )
    file = declare(node, "file", "", "Absolute path of a recording (.bag, .db3) of librealsense's recorder.")
    repeat = declare(node, "file_repeat", False, "Play the recording again when it has ended.")
    stamps = declare(
        node,
        "file_stamps",
        REPLAYED,
        "replayed: the first frame of a recording is now; recorded: the stamps of the recording.",
        choices=(REPLAYED, RECORDED),
    )
    color = declare(node, "color_profile", "640x480x30", "Width x height x frames per second of colour; not for files.")
    depth = declare(node, "depth_profile", "640x480x30", "Width x height x frames per second of depth; not for files.")
    align = declare(node, "align_depth", True, "Publish depth as the colour camera sees it.")
    pictures = declare(
        node,
        "synthetic_pictures",
        "",
        "An .npz with renders: rgb (N, H, W, 3) uint8, depth_mm (N, H, W) uint16, focal in px; empty: a test picture.",
    )
    clock = declare(
        node, "synthetic_clock", "global", "Clock that stamps the synthetic camera's frames.", choices=tuple(CLOCKS)
    )
    frame_timeout = declare(
        node, "frame_timeout", 1.0, "Seconds without a frame after which a camera is lost.", low=0.1, high=60.0
    )
    first = declare(
        node,
        "reconnect_delay",
        0.5,
        "Seconds before a lost camera is looked for; doubled each time.",
        low=0.01,
        high=60.0,
    )
    longest = declare(
        node, "reconnect_delay_max", 5.0, "Longest time between two attempts to reconnect, s.", low=0.01, high=600.0
    )
    clock_error = declare(
        node,
        "max_clock_error",
        0.02,
        "Largest error of the offset between a camera's own clock and ROS time, s; frames are refused above it.",
        low=0.0001,
        high=1.0,
    )
    autostart = declare(
        node, "autostart", False, "Configure and activate at start: true in simulation, false on robots."
    )
    if node.get_parameter("use_sim_time").value:
        raise ConfigurationError(
            "parameter use_sim_time: expected false, found true; a camera's frames are stamped by the host's clock, "
            "simulated ones come from the simulator"
        )
    try:
        origin = SourceSettings(
            kind=source,
            serial=serial.removeprefix("_"),
            file=file,
            repeat=repeat,
            replayed=stamps == REPLAYED,
            pictures=pictures,
            clock=clock,
            color=Profile.parse(color, name="color_profile"),
            depth=Profile.parse(depth, name="depth_profile"),
        )
        camera = CameraSettings(
            name=name,
            color=None if origin.fixed_sizes else origin.color,
            depth=None if origin.fixed_sizes else origin.depth,
            align_depth=align,
            frame_timeout=frame_timeout,
            reconnect_delay=first,
            reconnect_delay_max=longest,
            max_clock_error=clock_error,
        )
    except CameraError as error:
        raise ConfigurationError(f"parameter {error}") from error
    return CameraParameters(camera, origin, autostart)
