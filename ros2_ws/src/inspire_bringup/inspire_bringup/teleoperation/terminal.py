"""The terminal of this process in raw mode, key by key and without echo, and as it was before afterwards."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from typing import Any


class Terminal:
    """Reads what was typed, without waiting. Raises OSError where standard input is no terminal."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()
        try:
            self._before: list[Any] = termios.tcgetattr(self._descriptor)
        except termios.error as error:
            raise OSError(f"expected a terminal on standard input, found none: {error}") from error
        # Not entirely raw: ctrl-c still interrupts, and lines that others print still begin at the left.
        tty.setcbreak(self._descriptor)
        mode = termios.tcgetattr(self._descriptor)
        mode[0] &= ~termios.ICRNL  # enter stays apart from ctrl-j
        termios.tcsetattr(self._descriptor, termios.TCSANOW, mode)

    def read(self) -> str:
        """What was typed since the last call."""
        ready, _, _ = select.select([self._descriptor], [], [], 0)
        return os.read(self._descriptor, 1024).decode(errors="ignore") if ready else ""

    def close(self) -> None:
        """Give the terminal back as it was."""
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
