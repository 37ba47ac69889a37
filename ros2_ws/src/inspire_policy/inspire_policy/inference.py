"""The one inference thread: takes the newest request, hands back the result, never queues.

The middleware's executor stays free while the model runs; a request that is replaced before it was begun is void.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

CLOSE_TIMEOUT = 5.0  # s

Request = TypeVar("Request")
Result = TypeVar("Result")


class InferenceThread(Generic[Request, Result]):
    """Runs `compute` on one thread; `done` is called there after each result and must only wake whoever fetches it."""

    def __init__(self, compute: Callable[[Request], Result], done: Callable[[], None]) -> None:
        self._compute = compute
        self._done = done
        self._condition = threading.Condition()
        self._request: Request | None = None
        self._results: deque[tuple[Request, Result | Exception]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Compute this next; takes the place of a request that was not begun."""
        with self._condition:
            self._request = request
            self._condition.notify()

    def fetch(self) -> tuple[Request, Result | Exception] | None:
        """The oldest result not fetched yet, with its request; an exception where `compute` raised one.

        None if there is none.
        """
        with self._condition:
            return self._results.popleft() if self._results else None

    def close(self) -> None:
        """End the thread after the computation that is running; one that hangs is left behind, and ends with the
        process.
        """
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout=CLOSE_TIMEOUT)

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._request is None and not self._stopping:
                    self._condition.wait()
                if self._stopping:
                    return
                request, self._request = self._request, None
            assert request is not None
            result: Result | Exception
            try:
                result = self._compute(request)
            except Exception as error:  # told to the node, which ends the instruction
                result = error
            with self._condition:
                self._results.append((request, result))
            self._done()
