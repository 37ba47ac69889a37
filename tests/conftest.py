"""Fixtures of the tests that cross packages: a ROS domain of their own, and whole stacks as processes."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import call

from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_policy.ros.domains import free_domain_id


@pytest.fixture
def domain_id(monkeypatch):
    """A ROS domain that nobody else uses, set for this process and its children."""
    domain = free_domain_id()
    for name, value in stack_environment(os.environ, domain_id=domain).items():
        monkeypatch.setenv(name, value)
    yield domain
    remove_orphaned_segments()


@pytest.fixture
def run(domain_id, tmp_path):
    """Drive episodes with a simulated stack: run("--commander", "expert", "--episodes", 1)."""

    def drive(*arguments, timeout=280.0):
        return call("inspire_bringup.run", "sim", "--logs", tmp_path / "logs", *arguments, timeout=timeout)

    return drive


@pytest.fixture
def demo(domain_id, tmp_path):
    """Run the demo into `tmp_path / "run"`: demo("--commander", "expert")."""
    return lambda *arguments: call("inspire_bringup.demo", "--out", tmp_path / "run", *arguments)
