"""What the graph was told: every command, action, pose and status, with the steady time at which it was published.

The time is the publisher's own (DDS's source timestamp), so that an observer that was late measures no lateness of the
gate. A command is a motion when it carries the stamp of an action, else a hold: a hold is stamped with the time at
which it is said.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import CommanderStatus, EndEffectorAction, GateStatus
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from inspire_policy.ros.messages import pose_arrays, stamp_ns
from inspire_policy.ros.qos import LATCHED

EVERYTHING = QoSProfile(depth=2000)
NEVER = 1 << 62


@dataclass(frozen=True)
class Said:
    """A pose that was published: steady time ns, stamp ns, frame, position (3,) m, quaternion (4,)."""

    at: int
    stamp: int
    frame: str
    position: np.ndarray
    quaternion: np.ndarray


class Observer:
    """Listens on a node. Lists grow until `forget`."""

    def __init__(self, node: Node) -> None:
        self.targets: list[Said] = []
        self.poses: list[Said] = []
        self._streams = self.targets, self.poses
        self.openings: list[float] = []
        self.actions: dict[int, int] = {}  # stamp -> steady time of the first with it
        self.last_action = 0  # steady time
        self._old: dict[str, int] = {}
        self.gate: GateStatus | None = None
        self.states: list[tuple[int, int]] = []  # steady time, state
        self.commander: CommanderStatus | None = None
        self.reasons: list[tuple[int, str]] = []  # steady time, the commander's
        self.complaints: list[str] = []  # of diagnostics at level ERROR
        hear = node.create_subscription
        hear(PoseStamped, "arm/target_pose", self._reader(self.targets), EVERYTHING)
        hear(PoseStamped, "arm/state_pose", self._reader(self.poses), EVERYTHING)
        hear(EndEffectorAction, "inspire/action", self._on_action, EVERYTHING)
        hear(JointState, "arm/gripper_target", lambda m: self.openings.extend(m.position), EVERYTHING)
        hear(GateStatus, "arm/status", self._on_gate, LATCHED)
        hear(CommanderStatus, "inspire/status", self._on_commander, LATCHED)
        hear(DiagnosticArray, "/diagnostics", self._on_diagnostics, EVERYTHING)

    def forget(self) -> None:
        """Begin anew; what is latched stays."""
        for memory in (self.targets, self.poses, self.openings, self.states, self.reasons, self.complaints):
            memory.clear()
        self.actions.clear()

    def holds(self, since: int, until: int = NEVER) -> list[Said]:
        """Holds published between two steady times."""
        return [said for said in list(self.targets) if since <= said.at <= until and said.stamp not in self.actions]

    def motions(self, since: int, until: int = NEVER) -> list[Said]:
        """Commands of motion published between two steady times."""
        return [said for said in list(self.targets) if since <= said.at <= until and said.stamp in self.actions]

    def read_until(self, time_: int) -> bool:
        """Whether what was published up to a steady time has been read, as far as something newer tells."""
        newest = [self.last_action, *(said[-1].at if said else 0 for said in self._streams)]
        return all(at >= time_ for at in newest)

    def mark(self) -> None:
        """What the gate has counted up to now is old."""
        self._old = self._all_counts()

    def counted(self) -> list[str]:
        """Names that the gate has counted since `mark`."""
        return [name for name, count in self._all_counts().items() if count > self._old.get(name, 0)]

    def _all_counts(self) -> dict[str, int]:
        return {} if self.gate is None else {reason.name: reason.count for reason in self.gate.counts}

    def across(self) -> float:
        """Where the tool was measured last along y, m; 0 where that is no number, or unknown."""
        y = float(self.poses[-1].position[1]) if self.poses else 0.0
        return y if math.isfinite(y) else 0.0

    def latched(self) -> list[str]:
        """The gate's latched faults."""
        return [] if self.gate is None else [reason.name for reason in self.gate.latched]

    def _reader(self, memory: list[Said]) -> Callable[[PoseStamped, Any], None]:
        def read(message: PoseStamped, info: Any) -> None:
            header = message.header
            memory.append(Said(_at(info), stamp_ns(header.stamp), header.frame_id, *pose_arrays(message.pose)))

        return read

    def _on_action(self, message: EndEffectorAction, info: Any) -> None:
        self.last_action = _at(info)
        self.actions.setdefault(stamp_ns(message.header.stamp), self.last_action)

    def _on_gate(self, message: GateStatus, info: Any) -> None:
        self.gate = message
        self.states.append((_at(info), message.state))

    def _on_commander(self, message: CommanderStatus, info: Any) -> None:
        self.commander = message
        self.reasons.append((_at(info), message.reason))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.level == status.ERROR:
                self.complaints.append(status.message)


def _at(info: Any) -> int:
    """The steady time (ns) of a message's source timestamp."""
    return int(info["source_timestamp"]) + time.monotonic_ns() - time.time_ns()
