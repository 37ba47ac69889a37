"""Quality of service of every topic, by role.

IMAGE: best effort, the newest only; compatible with reliable and best-effort peers.
COMMAND, STATE: reliable, volatile, depth 1: what a late joiner missed is out of date.
LATCHED: reliable, transient local, depth 1: status that a late joiner must see.
HEARTBEAT: best effort, the newest only: what must come again and again (the deadman switch) is not sent twice.
INSTRUCTION: reliable, VOLATILE, depth 1: a bare `ros2 topic pub` is heard and nothing is replayed to a restarted node.
"""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _newest(reliability: ReliabilityPolicy, durability: DurabilityPolicy) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=reliability, durability=durability)


IMAGE = _newest(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
COMMAND = _newest(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
STATE = _newest(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
LATCHED = _newest(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
HEARTBEAT = _newest(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
INSTRUCTION = _newest(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
