"""What must be heard again and again, on the steady clock: the commander and the deadman switch.

Short silence of the commander is a hold, long silence a fault. A switch that is let go or no longer heard is a hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Silence(Enum):
    """How long nothing acceptable was heard."""

    NONE = 0
    SHORT = 1
    LONG = 2


@dataclass
class SilenceWatchdog:
    """Armed by the first acceptable action, disarmed when the lease ends.

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

    @property
    def expected(self) -> str:
        """What was expected, in words."""
        return f"expected an action every {self.hold_after:g} s, found none (a fault after {self.fault_after:g} s)"

    @property
    def armed(self) -> bool:
        """Whether something is expected to be heard."""
        return self._last is not None

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


@dataclass
class Deadman:
    """A switch that says `true` for as long as it is held.

    Attributes:
        timeout: s after which a `true` is worth nothing.
    """

    timeout: float = 0.075
    _last: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"deadman: expected a timeout > 0 s, found {self.timeout}")

    def feed(self, held: bool, steady: int) -> None:
        """The switch was heard at `steady` nanoseconds."""
        self._last = steady if held else None

    def held(self, steady: int) -> bool:
        """Whether the switch is held, as far as can be known at `steady` nanoseconds."""
        return self._last is not None and (steady - self._last) * 1e-9 <= self.timeout
