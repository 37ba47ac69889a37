"""One printed line now and then: where the run stands, how fast it is, how long it will take."""

from __future__ import annotations

import time
from collections.abc import Mapping


def duration(seconds: float) -> str:
    """E.g. "1:02:03" or "2:03"."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class Progress:
    """Means of what was reported since the last line, one line every `every` seconds."""

    def __init__(self, every: float) -> None:
        self._every, self._since = every, time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = self._samples = 0

    def update(self, samples: int, numbers: Mapping[str, float]) -> None:
        """Report one step."""
        self._count += 1
        self._samples += samples
        for name, value in numbers.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    @property
    def due(self) -> bool:
        return time.monotonic() - self._since >= self._every

    def line(self, step: int, fraction: float, elapsed: float) -> tuple[str, dict[str, float]]:
        """The line and the means; starts the next interval."""
        now = time.monotonic()
        means = {name: value / max(1, self._count) for name, value in self._sums.items()}
        means["samples_per_second"] = self._samples / max(now - self._since, 1e-9)
        left = duration(elapsed / fraction - elapsed) if fraction > 0 else "unknown time"
        parts = " ".join(f"{name} {value:.3f}" for name, value in means.items() if name != "samples_per_second")
        self._since, self._sums, self._count, self._samples = now, {}, 0, 0
        text = f"step {step} ({100 * fraction:.0f} %) {means['samples_per_second']:.1f} samples/s, {left} left: {parts}"
        return text, means
