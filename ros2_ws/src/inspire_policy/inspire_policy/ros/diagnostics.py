"""`/diagnostics` in one line for any node: a report is read once a second and published as one DiagnosticStatus.

The topic is absolute, as tools expect; the status carries the node's full name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from inspire_policy.ros.qos import STATE

REPORT_PERIOD = 1.0  # s of wall time


class Level(Enum):
    """How serious it is."""

    OK = DiagnosticStatus.OK
    WARN = DiagnosticStatus.WARN
    ERROR = DiagnosticStatus.ERROR
    STALE = DiagnosticStatus.STALE


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a node is doing.

    Attributes:
        level, message: the short of it. values: name (with the unit, such as latency_p50_ms) -> text or number; a
            number with a point is shown with three places behind it.
    """

    level: Level = Level.OK
    message: str = ""
    values: Mapping[str, str | int | float] = field(default_factory=dict)


class Diagnostics:
    """Publishes what `read` says, for as long as the node lives."""

    def __init__(
        self, node: Node, read: Callable[[], Report], *, hardware: str = "", period: float = REPORT_PERIOD
    ) -> None:
        """
        Args:
            node: whose state it is. read: called on the node's executor. hardware: what it runs on or with.
            period: s.
        """
        self._node = node
        self._read = read
        self._hardware = hardware
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", STATE)
        self._timer = node.create_timer(period, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publish now."""
        report = self._read()
        status = DiagnosticStatus(
            level=report.level.value,
            name=self._node.get_fully_qualified_name().lstrip("/"),
            message=report.message,
            hardware_id=self._hardware,
            values=[KeyValue(key=key, value=_text(value)) for key, value in report.values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def _text(value: str | int | float) -> str:
    return f"{round(value, 3):g}" if isinstance(value, float) else str(value)
