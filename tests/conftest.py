"""Fixtures of the tests that cross packages: a ROS domain of their own, and whole stacks as processes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from inspire_bringup.environment import free_domain_id, remove_orphaned_segments, stack_environment

ROOT = Path(__file__).parents[1]


@pytest.fixture
def domain_id(monkeypatch):
    """A ROS domain that nobody else uses, set for this process and its children."""
    domain = free_domain_id()
    for name, value in stack_environment(os.environ, domain_id=domain).items():
        monkeypatch.setenv(name, value)
    yield domain
    remove_orphaned_segments()


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


def call(module: str, *arguments: object, timeout: float = 280.0, environment: dict | None = None) -> Ended:
    """Run `python -m module arguments` to its end."""
    ended = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=environment or dict(os.environ),
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def run(domain_id, tmp_path):
    """Drive episodes with a simulated stack: run("--commander", "expert", "--episodes", 1)."""
    return lambda *arguments: call("inspire_bringup.run", "sim", "--logs", tmp_path / "logs", *arguments)


@pytest.fixture
def demo(domain_id, tmp_path):
    """Run the demo into `tmp_path / "run"`: demo("--commander", "expert")."""
    return lambda *arguments: call("inspire_bringup.demo", "--out", tmp_path / "run", *arguments)
