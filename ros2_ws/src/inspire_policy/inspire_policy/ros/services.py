"""Services whose answer takes its time, and requests that must not be lost.

An `async` callback answers on any executor: rclpy's EventsExecutor takes what a callback returns for the answer, also
where that is a coroutine still to be run; the other executors await it. Here the coroutine becomes a task, and its
result the answer.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node


def create_async_service(node: Node, kind: type, name: str, callback: Callable[[Any, Any], Awaitable[Any]]) -> None:
    """Offer a service on `node`; `callback(request, response)` returns the response when it is ready."""
    service = node.create_service(kind, name, callback)
    send = service.send_response

    def answer(response: Any, header: Any) -> None:
        if not inspect.iscoroutine(response):
            send(response, header)
            return

        async def later() -> None:
            send(await response, header)

        executor = node.executor
        if executor is None:
            response.close()
        else:
            executor.create_task(later)

    service.send_response = answer


class StandingRequest:
    """A request that is made again until it is answered: one made before the server is discovered is lost unseen.

    Args:
        node: owner of the client; its executor runs all callbacks. kind, name: of the service, which must bear to be
            called twice. period: s between two requests. patience: s after which it is given up.
    """

    def __init__(self, node: Node, kind: type, name: str, *, period: float = 0.25, patience: float = 10.0) -> None:
        self._node, self._name = node, name
        self._patience = patience
        self._client = node.create_client(kind, name)
        self._request: Any = None
        self._since = 0.0  # monotonic s
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self._timer = node.create_timer(period, self._ask, clock=steady, autostart=False)

    def make(self, request: Any) -> None:
        """Ask now, and again until answered; an error is logged where nobody ever answers."""
        self._request, self._since = request, time.monotonic()
        self._ask()
        self._timer.reset()

    @property
    def waiting(self) -> bool:
        """Whether a request was made that nobody has answered yet."""
        return not self._timer.is_canceled()

    def _ask(self) -> None:
        if time.monotonic() - self._since > self._patience:
            self._timer.cancel()
            self._node.get_logger().error(
                f"{self._name}: expected an answer within {self._patience:g} s, found none; is its node running?"
            )
        else:
            self._client.call_async(self._request).add_done_callback(lambda _: self._timer.cancel())
