"""Commands of the project as a user runs them: as processes, to their end."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, what it said, and the episodes it drove."""

    code: int
    output: str
    errors: str

    @property
    def episodes(self) -> list[dict]:
        """The lines of JSON on standard output."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]


def start(module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `python -m module arguments` in the repository's root."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=dict(environment or os.environ),
    )  # fmt: skip


def call(module: str, *arguments: object, timeout: float = 280.0, environment: dict | None = None) -> Ended:
    """Run `python -m module arguments` to its end."""
    with start(module, *arguments, environment=environment) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.terminate()  # the runner then stops its nodes
            raise
    return Ended(process.returncode, output, errors)
