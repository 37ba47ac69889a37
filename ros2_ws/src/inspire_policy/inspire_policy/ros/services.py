"""Services whose answer takes its time: an `async` callback on any executor.

rclpy's EventsExecutor takes what a callback returns for the answer, also where that is a coroutine still to be run; the
other executors await it. Here the coroutine becomes a task, and its result the answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

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
