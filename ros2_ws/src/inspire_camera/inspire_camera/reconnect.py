"""How long to wait before a lost camera is looked for again: a little at first, then twice as long each time."""

from __future__ import annotations


class BackOff:
    """Waiting times from `first` to at most `longest` seconds, doubled with each failure."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def failed(self) -> float:
        """Seconds to wait after one more failure."""
        wait, self._next = self._next, min(2 * self._next, self._longest)
        return wait

    def succeeded(self) -> None:
        """Frames arrive: the next failure waits shortly again."""
        self._next = self._first
