"""Inference beside the executor: requests go to the inference thread, results come back to the executor's thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.node import Node

from inspire_policy.brain import Brain
from inspire_policy.execution import Ticket
from inspire_policy.inference import InferenceThread
from inspire_policy.programs.base import Job, Tick


@dataclass(frozen=True)
class Request:
    """What to compute, by which brain, from what, and when that arrived (monotonic s)."""

    ticket: Ticket
    brain: Brain
    job: Job
    arrived: float


class Thinker:
    """Runs requests, the newest first to come next, until `close`.

    Args:
        node: on whose executor `on_result` is called. on_result: told a request and its tick, or what went wrong.
        added: s by which every result is held back.
    """

    def __init__(
        self, node: Node, on_result: Callable[[Request, Tick | Exception], None], *, added: float = 0.0
    ) -> None:
        self._node = node
        self._on_result = on_result
        self._added = added
        self._closed = False
        self._inferences = self._passes = 0
        self._thread: InferenceThread[Request, Tick] = InferenceThread(self._think, self._wake)
        self.submit = self._thread.submit

    @property
    def passes_per_inference(self) -> float:
        """Decoder passes of an inference, the mean so far; 1 where every draft of the answers held."""
        return self._passes / self._inferences if self._inferences else 0.0

    def close(self) -> None:
        """End the thread after the inference that is running; its result is not told."""
        self._closed = True
        self._thread.close()

    def _think(self, request: Request) -> Tick:
        tick = request.brain.program.tick(request.job)
        self._inferences, self._passes = self._inferences + 1, self._passes + tick.decoder_passes
        time.sleep(self._added)
        return tick

    def _wake(self) -> None:
        if self._node.executor is not None:
            self._node.executor.create_task(self._collect)

    def _collect(self) -> None:
        while not self._closed and (fetched := self._thread.fetch()) is not None:
            self._on_result(*fetched)
