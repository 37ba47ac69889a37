"""What a camera's life is counted in: frames, frames that never came, refusals by name, rate, latency.

Frame numbers are the device's own: a gap between two of them is frames lost anywhere between sensor and this process.
"""

from __future__ import annotations

from collections import Counter, deque

DROPPED = "dropped"
REPEATED = "repeated"
WITHOUT_DEPTH = "without_depth"
LOST = "lost"
REFUSALS = ("clock_uncertain", "not_increasing")
WINDOW = 60  # frames that rate and latency are taken from


class FrameNumbers:
    """Gaps in a stream's frame numbers."""

    def __init__(self) -> None:
        self._last: int | None = None

    def missing_before(self, number: int) -> int:
        """Frames between the last number and this one; -1: the same again; 0 also when the device started anew."""
        last, self._last = self._last, number
        if last is None or number < last:
            return 0
        return number - last - 1

    def restart(self) -> None:
        """Another connection: its first number follows nothing."""
        self._last = None


class Pace:
    """Rate and latency of the last frames."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=WINDOW)
        self._latencies: deque[float] = deque(maxlen=WINDOW)

    def add(self, arrival: float, latency: float) -> None:
        """A frame left at `arrival` s on the monotonic clock, `latency` s after its stamp."""
        self._arrivals.append(arrival)
        self._latencies.append(latency)

    def rate(self, now: float) -> float:
        """Frames per second up to now (monotonic s); falls while nothing comes."""
        if len(self._arrivals) < 2:
            return 0.0
        return len(self._arrivals) / max(now - self._arrivals[0], 1e-9)

    def age(self, now: float) -> float:
        """Seconds since the last frame; infinite before the first."""
        return now - self._arrivals[-1] if self._arrivals else float("inf")

    def latency(self, percent: float) -> float:
        """Percentile (0..100) of the latency, s; 0 before the first."""
        ordered = sorted(self._latencies)
        return ordered[round(percent / 100 * (len(ordered) - 1))] if ordered else 0.0


class Counts:
    """Frames published, and what happened to the others, by stable names."""

    def __init__(self) -> None:
        self.frames = 0
        self.reasons: Counter[str] = Counter({DROPPED: 0, LOST: 0})

    def add(self, name: str, amount: int = 1) -> None:
        """Count a reason."""
        self.reasons[name] += amount
