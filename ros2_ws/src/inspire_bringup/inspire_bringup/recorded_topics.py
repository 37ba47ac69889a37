"""What is recorded of a stack: observations, what the commander says and does, commands, and every event.

Depths are deep, because a recorder may be late and must not lose what happened. Latched topics are heard as late
joiners hear them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String

_IMAGE = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
_STREAM = QoSProfile(depth=200)
_LATCHED = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True)
class Subscription:
    """A relative topic, its message class and QoS; `of_commander`: see RecordedTopic."""

    topic: str
    kind: Any
    qos: QoSProfile
    of_commander: bool = False

    @property
    def datatype(self) -> str:
        """Name of the type, such as "std_msgs/msg/String"."""
        return f"{self.kind.__module__.partition('.')[0]}/msg/{self.kind.__name__}"

    @property
    def stamped(self) -> bool:
        """Whether messages begin with a std_msgs/Header."""
        return "header" in self.kind.get_fields_and_field_types()


def names(cameras: str) -> tuple[str, ...]:
    """The names in a list with commas between them."""
    return tuple(name.strip() for name in cameras.split(",") if name.strip())


def subscriptions(cameras: Sequence[str]) -> tuple[Subscription, ...]:
    """Everything that is recorded of a stack with these cameras."""
    views = [
        Subscription(f"camera/{camera}/color/{name}", kind, _IMAGE)
        for camera in cameras
        for name, kind in (("image_raw", Image), ("camera_info", CameraInfo))
    ]
    return (
        Subscription("instruction", String, _STREAM),
        Subscription("inspire/answers", DirectionAnswers, _LATCHED, of_commander=True),
        Subscription("inspire/override", DirectionAnswers, _STREAM),
        Subscription("inspire/action", EndEffectorAction, _STREAM, of_commander=True),
        Subscription("inspire/action_chunk", ActionChunk, _STREAM, of_commander=True),
        Subscription("inspire/status", CommanderStatus, _LATCHED),
        Subscription("arm/state_pose", PoseStamped, _STREAM),
        Subscription("arm/gripper_state", JointState, _STREAM),
        Subscription("arm/target_pose", PoseStamped, _STREAM, of_commander=True),
        Subscription("arm/gripper_target", JointState, _STREAM, of_commander=True),
        Subscription("arm/status", GateStatus, _LATCHED),
        *views,
        Subscription("sim/answers", DirectionAnswers, _LATCHED),
        Subscription("sim/truth", SceneTruth, _STREAM),
        Subscription("sim/episode", EpisodeStatus, _LATCHED),
    )
