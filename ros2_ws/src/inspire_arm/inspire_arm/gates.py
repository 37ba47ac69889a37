"""Which gate: the one of realtime or the one of lockstep."""

from __future__ import annotations

from typing import Any

from inspire_arm.gate import Gate
from inspire_arm.lockstep import LockstepGate
from inspire_arm.realtime import RealtimeGate
from inspire_arm.watchdog import Deadman, SilenceWatchdog


def make_gate(
    *, lockstep: bool, watchdog: SilenceWatchdog | None = None, deadman: Deadman | None = None, **common: Any
) -> Gate:
    """A gate; `common` are the arguments of `Gate`. In lockstep nobody watches for silence.

    Raises:
        ValueError: a deadman in lockstep.
    """
    if not lockstep:
        return RealtimeGate(watchdog=watchdog, deadman=deadman, **common)
    if deadman is not None:
        raise ValueError("expected no deadman in lockstep, where no clock runs; found one required")
    return LockstepGate(**common)
