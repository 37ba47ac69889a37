"""From a frame's time to a ROS stamp, by the clock that the frame was stamped with.

- GLOBAL: librealsense has already fitted the device's clock to the host's: taken as it is.
- SYSTEM: the host's time at arrival (no metadata from the kernel's driver): taken as it is, late by the transport.
- HARDWARE: the device's own clock, of unknown origin. The offset is estimated from what arrived soonest; frames are
  refused until its error is small. The smallest transport time cannot be told from the offset and stays in the stamp.
- A recording replayed: the first frame is now, the others keep their distance from it.

Stamps are int nanoseconds of ROS time and increase: a frame that would go back is refused, unless by a second or more;
then the host's clock was set, and who reads the stamps has to know.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

WINDOW = 64  # frames that the offset is estimated from: 2 s at 30 Hz, in which a quartz drifts by 0.2 ms
SUPPORT = 16  # so many samples must agree with the offset
RESTART_NS = 1_000_000_000  # a device clock that leaps further than this has been restarted or has wrapped


class Domain(Enum):
    """The clock that a frame was stamped with, by librealsense's names."""

    GLOBAL = "global_time"
    SYSTEM = "system_time"
    HARDWARE = "hardware_clock"


def to_nanoseconds(milliseconds: float) -> int:
    """Int ns; whole and broken part apart, because their product with 1e6 no longer fits a double."""
    whole = int(milliseconds // 1)
    return whole * 1_000_000 + round((milliseconds - whole) * 1e6)


class StampRefused(ValueError):
    """A frame has no usable stamp. `name` is stable and counted; the text says what was expected and found."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


class ClockOffset:
    """Offset of a device's clock to the host's, from pairs of device time and arrival."""

    def __init__(self) -> None:
        self._samples: deque[int] = deque(maxlen=WINDOW)

    def add(self, device: int, arrival: int) -> None:
        """A frame stamped `device` ns by the device arrived at `arrival` ns."""
        sample = arrival - device
        if self._samples and abs(sample - self._samples[-1]) > RESTART_NS:
            self._samples.clear()
        self._samples.append(sample)

    @property
    def offset(self) -> int:
        """Host minus device, ns: the smallest seen, since transport only adds."""
        return min(self._samples)

    @property
    def error(self) -> float:
        """s within which SUPPORT samples agree with the offset; infinite with fewer samples."""
        if len(self._samples) < SUPPORT:
            return float("inf")
        return (sorted(self._samples)[SUPPORT - 1] - self.offset) * 1e-9


class StampConverter:
    """The stamps of one connection to a camera.

    Args:
        max_error: s, largest error of the offset of a hardware clock.
        replayed: a recording whose first frame is now.
    """

    def __init__(self, *, max_error: float, replayed: bool = False) -> None:
        self._max_error = max_error
        self._replayed = replayed
        self._anchor: int | None = None
        self._last: int | None = None
        self._clock = ClockOffset()
        self.domain: Domain | None = None

    @property
    def clock_error(self) -> float:
        """s: error of the estimated offset; 0 where nothing is estimated."""
        return self._clock.error if self.domain is Domain.HARDWARE and not self._replayed else 0.0

    def convert(self, milliseconds: float, domain: Domain, arrival: int) -> int:
        """The stamp of a frame, ns of ROS time.

        Args:
            milliseconds: librealsense's time stamp. domain: its clock. arrival: ROS time now, ns.

        Raises:
            StampRefused: clock_uncertain or not_increasing.
        """
        device = to_nanoseconds(milliseconds)
        if domain is not self.domain:
            self.domain = domain
            self._clock = ClockOffset()
        if self._replayed:
            if self._anchor is None:
                self._anchor = arrival - device
            stamp = device + self._anchor
        elif domain is Domain.HARDWARE:
            self._clock.add(device, arrival)
            if self._clock.error > self._max_error:
                raise StampRefused(
                    "clock_uncertain",
                    f"expected the offset of the camera's clock within {self._max_error * 1e3:g} ms, found "
                    f"{self._clock.error * 1e3:.3g} ms; it settles after {SUPPORT} frames, on a busy machine later",
                )
            stamp = device + self._clock.offset
        else:
            stamp = device
        if self._last is not None and 0 <= self._last - stamp < RESTART_NS:
            raise StampRefused(
                "not_increasing",
                f"expected a stamp later than the last frame's, found one {(self._last - stamp) * 1e-6:.3f} ms "
                "before it; keep the host's clock from being set back (chrony and ntpd can slew it)",
            )
        self._last = stamp
        return stamp
