"""Fixtures of the tests that cross packages: a ROS domain of their own, and whole stacks as processes."""

import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import call

from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_bringup.paths import dds_profile
from inspire_policy.ros.domains import free_domain_id


@pytest.fixture(scope="module", autouse=True)
def patient_transport(tmp_path_factory):
    """The stacks' DDS profile, in which a process that a busy machine stops for some seconds is not taken for dead.

    The stacks' own profile drops after two seconds what was sent to one, and a recording lacks messages then.
    """
    profile = tmp_path_factory.mktemp("dds") / "patient.xml"
    profile.write_text(re.sub(r"(?<=<healthy_check_timeout_ms>)\d+", "10000", dds_profile().read_text()))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
            patch.setenv(name, str(profile))
        yield


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
        logs = ("--logs", tmp_path / "logs", "--ready-timeout", 250)
        return call("inspire_bringup.run", "sim", *logs, *arguments, timeout=timeout)

    return drive


@pytest.fixture
def demo(domain_id, tmp_path):
    """Run the demo into `tmp_path / "run"`: demo("--commander", "expert")."""
    return lambda *arguments: call(
        "inspire_bringup.demo", "--out", tmp_path / "run", "--ready-timeout", 250, *arguments, timeout=560
    )
