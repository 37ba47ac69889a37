"""How late this machine lets this process run: a timer of 5 ms, and by how much it was late."""

from __future__ import annotations

import threading
import time
from collections import deque

PERIOD = 0.005  # s


class Lag(threading.Thread):
    """Measures from `start` to `stop`."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="lag")
        self._late: deque[tuple[int, float]] = deque(maxlen=20_000)  # ns, s
        self._over = threading.Event()

    def run(self) -> None:
        """See the class."""
        due = time.monotonic()
        while not self._over.is_set():
            due += PERIOD
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self._late.append((time.monotonic_ns(), now - due))
            due = max(due, now)  # what is late once does not make the next one late

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()

    def worst(self, since: int, until: int) -> float:
        """The worst lateness between two steady times (ns), s; one that is still going on counts."""
        after = [(at, late) for at, late in list(self._late) if at >= since]
        return max((late for at, late in after if at - late * 1e9 <= until), default=0.0)
