"""Which parts belong together: by equal stamps, as a simulator gives them, or by closeness, as separate sensors do.

Both take parts one by one, in any order, and give a complete set back as soon as there is one, always a newer one than
before. What will never be part of a set is counted by name: `incomplete` (images that a newer one replaced), `late`
(older than what was already there), `clock_jump` (the stamps went back by a second or more, and all is begun anew).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

STAMPS_KEPT = 4
CLOCK_JUMP_NS = 1_000_000_000
STATES_KEPT = 256  # of one state: a quarter of a second at 1 kHz


@dataclass(frozen=True)
class Parts:
    """A complete set: its stamp in ns, and the value of each key."""

    stamp: int
    values: Mapping[str, Any]


class Pairing(Protocol):
    """See the module. `missing`: keys that keep the next set from being complete."""

    counts: Counter[str]

    @property
    def missing(self) -> tuple[str, ...]: ...

    def put(self, key: str, stamp: int, value: Any) -> Parts | None:
        """Add a part at `stamp` ns; the set that it completes, if any."""
        ...


class EqualStamps:
    """A set is complete when every key has a part of the very same stamp.

    Keeps a few stamps at once, because topics overtake each other. A complete set makes all older ones void. A set
    that was sent again (lockstep re-sends until answered) is complete again once all its parts have come again.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._sets: dict[int, dict[str, Any]] = {}
        self._newest = -CLOCK_JUMP_NS
        self._latest: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    @property
    def missing(self) -> tuple[str, ...]:
        """Keys that have not come for the newest stamp; all of them before the first."""
        return tuple(key for key in self._keys if self._latest.get(key) != self._newest)

    def put(self, key: str, stamp: int, value: Any) -> Parts | None:
        """See Pairing."""
        if stamp < self._newest - CLOCK_JUMP_NS:
            self._sets.clear()
            self.counts["clock_jump"] += 1
            self._newest = stamp
        self._newest = max(self._newest, stamp)
        self._latest[key] = stamp
        if stamp not in self._sets and len(self._sets) >= STAMPS_KEPT:
            oldest = min(self._sets)
            if stamp < oldest:
                self.counts["late"] += 1
                return None
            del self._sets[oldest]
            self.counts["incomplete"] += 1
        parts = self._sets.setdefault(stamp, {})
        parts[key] = value
        if len(parts) < len(self._keys):
            return None
        older = [other for other in self._sets if other < stamp]
        if older:
            self.counts["incomplete"] += len(older)
        for other in (*older, stamp):
            del self._sets[other]
        return Parts(stamp, parts)


class NewestWithin:
    """The newest image of every camera, when they lie close enough together, with the states closest to them.

    An image is used once. The set carries the stamp of its oldest image, so that an age limit errs on the safe side.
    Half a camera period is a good tolerance: of two cameras at the same rate, one image each then always fits.

    Args:
        images, states: keys. image_tolerance: largest distance between two images, ns. state_tolerance: of a state from
            the oldest image, ns.
    """

    def __init__(
        self, images: tuple[str, ...], states: tuple[str, ...], *, image_tolerance: int, state_tolerance: int
    ) -> None:
        self._image_tolerance, self._state_tolerance = image_tolerance, state_tolerance
        self._image_keys = images
        self._images: dict[str, tuple[int, Any]] = {}  # newest of each camera that has not been used
        self._states: dict[str, deque[tuple[int, Any]]] = {key: deque(maxlen=STATES_KEPT) for key in states}
        self._latest: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    @property
    def missing(self) -> tuple[str, ...]:
        """Cameras without an unused image, or the one that lags behind the others; else states too far away."""
        absent = [key for key in self._image_keys if key not in self._images]
        if not absent and self._spread() > self._image_tolerance:
            absent = [min(self._images, key=lambda key: self._images[key][0])]
        if not absent:
            absent = [key for key in self._states if self._closest(key, self._oldest()) is None]
        return tuple(absent)

    def put(self, key: str, stamp: int, value: Any) -> Parts | None:
        """See Pairing."""
        last = self._latest.get(key)
        if last is not None and stamp <= last:
            if stamp > last - CLOCK_JUMP_NS:
                self.counts["late"] += 1
                return None
            self.counts["clock_jump"] += 1
            self._forget()
        self._latest[key] = stamp
        if key in self._states:
            self._states[key].append((stamp, value))
        else:
            if key in self._images:
                self.counts["incomplete"] += 1
            self._images[key] = (stamp, value)
        return self._complete()

    def _complete(self) -> Parts | None:
        if len(self._images) < len(self._image_keys) or self._spread() > self._image_tolerance:
            return None
        stamp = self._oldest()
        values = {key: value for key, (_, value) in self._images.items()}
        for key in self._states:
            closest = self._closest(key, stamp)
            if closest is None:
                return None
            values[key] = closest[1]
        self._images.clear()
        return Parts(stamp, values)

    def _oldest(self) -> int:
        return min(stamp for stamp, _ in self._images.values())

    def _spread(self) -> int:
        return max(stamp for stamp, _ in self._images.values()) - self._oldest()

    def _closest(self, key: str, stamp: int) -> tuple[int, Any] | None:
        """The state closest to `stamp`, None when even that is too far away."""
        closest = min(self._states[key], key=lambda part: abs(part[0] - stamp), default=None)
        return closest if closest is not None and abs(closest[0] - stamp) <= self._state_tolerance else None

    def _forget(self) -> None:
        self._images.clear()
        self._latest.clear()
        for states in self._states.values():
            states.clear()
