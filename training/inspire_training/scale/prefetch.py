"""Batches made ahead of time by threads; which batch it is depends on its numbers alone, so none of them matters."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from inspire_training.batch import TrainingBatch

AHEAD = 2  # batches per thread


class Prefetch:
    """Makes batches by `make(step, micro)`, `accumulate` of them per step.

    Attributes:
        waited: s that whoever took batches has waited for them so far.
    """

    def __init__(self, make: Callable[[int, int], TrainingBatch], *, accumulate: int, threads: int) -> None:
        """threads: 0 makes each batch when it is taken."""
        self._make, self._accumulate, self._threads = make, accumulate, threads
        self.waited = 0.0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batches") if threads else None
        self._waiting: OrderedDict[tuple[int, int], Future[TrainingBatch]] = OrderedDict()

    def take(self, step: int, micro: int) -> TrainingBatch:
        """A batch, and begin those that come next."""
        begin = time.monotonic()
        try:
            return self._take(step, micro)
        finally:
            self.waited += time.monotonic() - begin

    def _take(self, step: int, micro: int) -> TrainingBatch:
        if self._pool is None:
            return self._make(step, micro)
        key = (step, micro)
        for _ in range(1 + AHEAD * self._threads):
            if key not in self._waiting:
                self._waiting[key] = self._pool.submit(self._make, *key)
            key = (key[0], key[1] + 1) if key[1] + 1 < self._accumulate else (key[0] + 1, 0)
        return self._waiting.pop((step, micro)).result()

    def close(self) -> None:
        """Forget what was begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
