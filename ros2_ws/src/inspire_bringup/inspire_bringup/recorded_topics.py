"""What is recorded of a stack: observations, what the commander says and does, commands, and every event.

That is all that the nodes say but pictures made of the rest (the overlay) and depth. Queues are deep, because a
recorder may be late and must not lose what happened. Latched topics are heard as late joiners hear them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import PoseStamped, TransformStamped, TwistStamped
from inspire_msgs.msg import (
    ActionChunk,
    Agreement,
    CommanderStatus,
    DirectionAnswers,
    EndEffectorAction,
    EpisodeStatus,
    GateStatus,
    Grounding,
    SceneTruth,
)
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Float64, String

_IMAGE = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
_STREAM = QoSProfile(depth=200)
_HEARTBEAT = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
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


def commands(prefix: str) -> tuple[Subscription, ...]:
    """What an arm's controller is told, or would be in a dry run."""
    return (
        Subscription(f"{prefix}target_pose", PoseStamped, _STREAM, of_commander=True),
        Subscription(f"{prefix}delta_twist_cmds", TwistStamped, _STREAM, of_commander=True),
        Subscription(f"{prefix}gripper_target", JointState, _STREAM, of_commander=True),
    )


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
        Subscription("inspire/agreement", Agreement, _STREAM, of_commander=True),
        Subscription("inspire/grounding", Grounding, _LATCHED, of_commander=True),
        Subscription("inspire/object_positions", TransformStamped, _STREAM),
        Subscription("inspire/action", EndEffectorAction, _STREAM, of_commander=True),
        Subscription("inspire/action_chunk", ActionChunk, _STREAM, of_commander=True),
        Subscription("inspire/status", CommanderStatus, _LATCHED),
        Subscription("arm/state_pose", PoseStamped, _STREAM),
        Subscription("arm/gripper_state", JointState, _STREAM),
        *commands("arm/"),
        Subscription("arm/gripper_position", Float64, _STREAM, of_commander=True),
        *commands("arm/dry_run/"),
        Subscription("arm/deadman", Bool, _HEARTBEAT),
        Subscription("arm/status", GateStatus, _LATCHED),
        *views,
        Subscription("sim/answers", DirectionAnswers, _LATCHED),
        Subscription("sim/truth", SceneTruth, _STREAM),
        Subscription("sim/episode", EpisodeStatus, _LATCHED),
    )
