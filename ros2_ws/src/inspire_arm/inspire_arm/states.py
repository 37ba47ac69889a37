"""The states of the gate, and what it tells about itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from inspire_arm.reasons import Reason


class State(Enum):
    """States of the gate, numbered as in GateStatus."""

    IDLE = 0
    MOVING = 1
    HOLDING = 2
    FAULT = 3


@dataclass(frozen=True)
class Snapshot:
    """What the gate tells about itself: state, latched faults, all counts, clamped actions, holder of the lease,
    whether commands are sent.
    """

    state: State
    latched: tuple[Reason, ...]
    counts: tuple[Reason, ...]
    clamps: int
    holder: str
    motion_enabled: bool
