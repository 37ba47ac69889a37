"""How a camera is doing, for whoever reports it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """STOPPED: not asked for. CONNECTING: looked for. STREAMING: frames come. LOST: looked for again.
    ENDED: a recording has been played.
    """

    STOPPED = "stopped"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a camera is doing.

    Attributes:
        state, reason: and why. connections: times that frames began to come. rate: Hz. age: s since the last frame.
        latency_p50, latency_p95: s from stamp to publication. domain: clock of the stamps. clock_error: s, of the
            estimated offset. frames: published. counts: reason -> times.
    """

    state: State
    reason: str
    connections: int
    rate: float
    age: float
    latency_p50: float
    latency_p95: float
    domain: str
    clock_error: float
    frames: int
    counts: dict[str, int]
