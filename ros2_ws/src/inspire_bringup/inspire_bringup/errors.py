"""How a command of this package ends: exit codes, and the errors that map to them.

0 done (and the task succeeded), 1 the task failed, 2 bad input or things that do not fit together, 3 an internal
failure, such as a node that died. Bad input is one clear message (expected, found, how to mend) and never a traceback.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `inspire_bringup.run` and `inspire_bringup.demo`."""

    OK = 0
    TASK_FAILED = 1
    BAD_INPUT = 2
    INTERNAL = 3


class BringupError(Exception):
    """A stack cannot be started or driven; the message says why and how to mend it."""

    exit_code = ExitCode.INTERNAL


class BadInput(BringupError):
    """What was asked for does not exist or does not fit together."""

    exit_code = ExitCode.BAD_INPUT


class StackFailure(BringupError):
    """A node died, never came up, or stopped answering."""
