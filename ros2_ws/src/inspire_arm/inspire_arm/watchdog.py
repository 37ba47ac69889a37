"""Silence of the commander, on the steady clock: short silence is a hold, long silence a fault."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Silence(Enum):
    """How long nothing acceptable was heard."""

    NONE = 0
    SHORT = 1
    LONG = 2


@dataclass
class SilenceWatchdog:
    """Armed by the first accepted action, disarmed when the lease ends.

    Attributes:
        hold_after: s of silence after which the arm holds. fault_after: s after which the silence is a fault.
    """

    hold_after: float = 0.075
    fault_after: float = 0.5
    _last: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.hold_after < self.fault_after:
            raise ValueError(
                f"silence limits: expected 0 < hold_after < fault_after, "
                f"found {self.hold_after} s and {self.fault_after} s"
            )

    def feed(self, steady: int) -> None:
        """An acceptable action was heard at `steady` nanoseconds."""
        self._last = steady

    def disarm(self) -> None:
        """Nothing is expected to be heard."""
        self._last = None

    def check(self, steady: int) -> Silence:
        """The silence at `steady` nanoseconds."""
        if self._last is None:
            return Silence.NONE
        silence = (steady - self._last) * 1e-9
        if silence > self.fault_after:
            return Silence.LONG
        return Silence.SHORT if silence > self.hold_after else Silence.NONE
