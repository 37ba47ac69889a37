"""The life of a node's process: start, spin on one thread, and on SIGINT or SIGTERM say the last word before the end.

rclpy's own signal handlers invalidate the context first, so that a hold could no longer be published: they are off
here. A node may define `on_stop()`; it publishes what must be its last messages, which are then waited for until
acknowledged.

Exit codes: 0 stopped by a signal, 1 a failure while running, 2 a node that refuses its configuration
(ConfigurationError).
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

import rclpy
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from inspire_policy.ros.parameters import ConfigurationError

try:  # half the time per message: no wait set of all entities is built for each
    from rclpy.experimental.events_executor import EventsExecutor
except ImportError:  # an rclpy before 7.1.5
    EventsExecutor = None

ACKNOWLEDGE_TIMEOUT = 1.0  # s, for all last messages together
SPIN_AT_MOST = 3600.0  # s; without a limit EventsExecutor's deadline overflows where libc is old, and it spins hot


class _StopSignals:
    """SIGINT and SIGTERM as a future that is done at once, also while the main thread waits inside the middleware."""

    def __init__(self) -> None:
        self.received: Future = Future()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        for number in (signal.SIGINT, signal.SIGTERM):
            # The handler has nothing to do: that there is one makes the signal's number appear in the wakeup socket.
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, daemon=True, name="signals").start()

    def _watch(self) -> None:
        while number := self._reader.recv(1):
            if number[0] in (signal.SIGINT, signal.SIGTERM) and not self.received.done():
                self.received.set_result(True)

    def close(self) -> None:
        # Who asked to stop may ask again, a terminal and launch both do: a clean end stays one.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._writer.close()


def run_node(factory: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Run one node until a signal or a failure and return the exit code of the process.

    Args:
        factory: builds the node; may raise ConfigurationError.
        args: command line, default `sys.argv`.
    """
    rclpy.init(args=list(args) if args is not None else None, signal_handler_options=SignalHandlerOptions.NO)
    executor: Executor = (EventsExecutor or SingleThreadedExecutor)()
    stop = _StopSignals()
    node: Node | None = None
    code = 0
    try:
        node = factory()
        executor.add_node(node)
        while not stop.received.done():
            executor.spin_until_future_complete(stop.received, timeout_sec=SPIN_AT_MOST)
    except (ConfigurationError, ParameterException) as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except Exception:
        traceback.print_exc()
        code = 1
    finally:
        if node is not None:
            _say_last_word(node)
            executor.remove_node(node)
            node.destroy_node()
        stop.close()
        executor.shutdown(timeout_sec=1.0)
        rclpy.try_shutdown()
    return code


def _say_last_word(node: Node) -> None:
    """Let the node publish its last messages and wait until those who listen have them."""
    try:
        on_stop = getattr(node, "on_stop", None)
        if on_stop is not None:
            on_stop()
        deadline = time.monotonic() + ACKNOWLEDGE_TIMEOUT
        for publisher in node.publishers:
            publisher.wait_for_all_acked(Duration(seconds=max(0.0, deadline - time.monotonic())))
    except Exception:
        traceback.print_exc()
