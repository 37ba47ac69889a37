"""Records a stack's topics to an MCAP file until SIGTERM: `recorder_node --ros-args -p path:=/where/topics.mcap`.

Subscribes by relative names with deep queues, so that a slow disk loses nothing of a short run; it never slows the
stack down. A full disk ends this node alone, with exit code 2 and no file left.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import (
    ActionChunk,
    CommanderStatus,
    DirectionAnswers,
    EndEffectorAction,
    EpisodeStatus,
    GateStatus,
    SceneTruth,
)
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String

from inspire_bringup.recording import Recording, RecordingError, header_stamp
from inspire_policy.ros.parameters import ConfigurationError, declare
from inspire_policy.ros.process import run_node

_IMAGE = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
_STREAM = QoSProfile(depth=200)
_LATCHED = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)

TOPICS: tuple[tuple[str, Any, QoSProfile], ...] = (
    ("instruction", String, _STREAM),
    ("inspire/answers", DirectionAnswers, _LATCHED),
    ("inspire/action", EndEffectorAction, _STREAM),
    ("inspire/action_chunk", ActionChunk, _STREAM),
    ("inspire/status", CommanderStatus, _LATCHED),
    ("arm/state_pose", PoseStamped, _STREAM),
    ("arm/gripper_state", JointState, _STREAM),
    ("arm/target_pose", PoseStamped, _STREAM),
    ("arm/gripper_target", JointState, _STREAM),
    ("arm/status", GateStatus, _LATCHED),
    ("camera/agentview/color/image_raw", Image, _IMAGE),
    ("camera/agentview/color/camera_info", CameraInfo, _IMAGE),
    ("camera/wrist/color/image_raw", Image, _IMAGE),
    ("camera/wrist/color/camera_info", CameraInfo, _IMAGE),
    ("sim/answers", DirectionAnswers, _LATCHED),
    ("sim/truth", SceneTruth, _STREAM),
    ("sim/episode", EpisodeStatus, _LATCHED),
)


class RecorderNode(Node):
    """Stores what it hears. Raises ConfigurationError when the file cannot be written."""

    def __init__(self) -> None:
        super().__init__("recorder")
        path = declare(self, "path", "topics.mcap", "File to write; it appears under this name once it is complete.")
        try:
            self._recording = Recording(Path(path))
            for topic, kind, qos in TOPICS:
                self._record(topic, kind, qos)
        except RecordingError as error:
            raise ConfigurationError(str(error)) from error

    def _record(self, topic: str, kind: Any, qos: QoSProfile) -> None:
        name = self.resolve_topic_name(topic)
        self._recording.add_topic(name, f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}")
        stamped = "header" in kind.get_fields_and_field_types()

        def store(data: bytes) -> None:
            try:
                self._recording.write(
                    name, data, received=time.time_ns(), stamp=header_stamp(data) if stamped else None
                )
            except RecordingError as error:
                raise ConfigurationError(str(error)) from error

        self.create_subscription(kind, topic, store, qos, raw=True)

    def on_stop(self) -> None:
        """Complete the file."""
        try:
            self._recording.close()
        except RecordingError as error:
            print(f"error: {error}", file=sys.stderr)


def main() -> int:
    """Entry point of the process."""
    return run_node(RecorderNode)


if __name__ == "__main__":
    sys.exit(main())
