"""A running stack: environment, processes and episode driver under one roof, and signals that end them in order."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from inspire_bringup.environment import remove_orphaned_segments, shared_memory_warning, stack_environment
from inspire_bringup.processes import Exit, Processes, raise_on_required_exit
from inspire_bringup.stacks import NodeSpec, Stack


class Stopped(BaseException):
    """SIGINT or SIGTERM asked this process to end; not an Exception, so that nothing swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def stop_on_signals() -> None:
    """Turn SIGINT and SIGTERM into Stopped, once; later ones are ignored while the stack is being stopped."""

    def handle(number: int, frame: FrameType | None) -> None:
        for other in (signal.SIGINT, signal.SIGTERM):
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def say(text: str) -> None:
    """A line for people; standard output is kept for results."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def running(
    stack: Stack,
    *,
    log_folder: Path,
    extra_nodes: Sequence[NodeSpec] = (),
    domain_id: int | None = None,
    on_exit: Callable[[Exit], None] = lambda e: say(f"warning: {e.describe()}"),
) -> Iterator[tuple[Processes, Callable[[], None]]]:
    """Start a stack and stop it on the way out, whatever happens.

    This process takes over the stack's environment (domain, DDS profile), so that its own nodes see the stack's.

    Args:
        stack: what to start. log_folder: one log file per node goes there.
        extra_nodes: more nodes of the same life, such as a recorder.
        domain_id: ROS domain; None: the environment's, else a free one.
        on_exit: told about a node that ended though the stack goes on.

    Yields:
        the processes, and a check that raises BadInput or StackFailure once a required node has ended.
    """
    environment = stack_environment(os.environ, domain_id=domain_id, log_folder=log_folder / "ros")
    environment.update(stack.environment)
    os.environ.update(environment)
    nodes = (*stack.nodes, *extra_nodes)
    warning = shared_memory_warning(len(nodes) + 1)
    if warning:
        say(f"warning: {warning}")
    with Processes(nodes, environment=environment, log_folder=log_folder) as processes:

        def check() -> None:
            for exit_ in raise_on_required_exit(processes.new_exits()):
                on_exit(exit_)

        try:
            yield processes, check
        finally:
            killed = processes.stop()
            if killed:
                say(f"warning: expected {', '.join(killed)} to stop on SIGTERM, found still running; killed")
                remove_orphaned_segments()
