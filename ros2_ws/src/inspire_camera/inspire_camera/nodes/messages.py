"""What a camera says, as messages: aligned depth, camera info, diagnostics."""

from __future__ import annotations

from array import array

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, Image

from inspire_camera.calibration import Intrinsics, info_arrays
from inspire_camera.health import Health, State
from inspire_policy.ros.messages import to_stamp

_LEVELS = {
    State.STOPPED: DiagnosticStatus.OK,
    State.CONNECTING: DiagnosticStatus.WARN,
    State.STREAMING: DiagnosticStatus.OK,
    State.LOST: DiagnosticStatus.ERROR,
    State.ENDED: DiagnosticStatus.STALE,
}


def to_depth_image(depth: np.ndarray, stamp: int, frame: str) -> Image:
    """A 16UC1 image of depth uint16 (H, W) in mm, taken at `stamp` ns in the optical frame `frame`."""
    height, width = depth.shape
    data = array("B")  # one memcpy; the setter would check every element of anything else
    data.frombytes(np.ascontiguousarray(depth, dtype="<u2").data.cast("B"))
    message = Image(height=height, width=width, encoding="16UC1", is_bigendian=0, step=2 * width)
    message.data = data
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = frame
    return message


def to_info(intrinsics: Intrinsics, stamp: int, frame: str) -> CameraInfo:
    """The camera info of `intrinsics` at `stamp` ns in the optical frame `frame`."""
    arrays = info_arrays(intrinsics)
    message = CameraInfo(width=intrinsics.width, height=intrinsics.height, distortion_model=arrays.model)
    message.d, message.k, message.r, message.p = arrays.d, arrays.k, arrays.r, arrays.p
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = frame
    return message


def to_diagnostics(
    health: Health, *, name: str, hardware: str, dropped: int, refused: int, now: int
) -> DiagnosticArray:
    """How a camera is doing.

    Args:
        name: the node's. hardware: what the camera is. dropped, refused: since the last report. now: ns.
    """
    level, text = _LEVELS[health.state], health.state.value
    if health.reason:
        text += f": {health.reason}"
    if health.state is State.STREAMING and (dropped or refused):
        level = DiagnosticStatus.WARN
        text += f": since the last report {dropped} frames dropped, {refused} refused"
    values = {
        "rate_hz": f"{health.rate:.1f}",
        "age_of_newest_ms": f"{health.age * 1e3:.0f}",
        "latency_p50_ms": f"{health.latency_p50 * 1e3:.1f}",
        "latency_p95_ms": f"{health.latency_p95 * 1e3:.1f}",
        "frames": str(health.frames),
        "connections": str(health.connections),
        "clock": health.domain,
        "clock_error_ms": f"{health.clock_error * 1e3:.3f}",
        **{reason: str(count) for reason, count in sorted(health.counts.items())},
    }
    status = DiagnosticStatus(level=level, name=name, message=text, hardware_id=hardware)
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    message = DiagnosticArray(status=[status])
    message.header.stamp = to_stamp(now)
    return message
