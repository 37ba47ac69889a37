"""Fixtures of the policy's tests: tiny bundles, made once per session; a body and policy_node processes in a domain of
their own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from inspire_policy.observations import PolicyObservation

sys.path.insert(0, str(Path(__file__).parent))

import tiny_bundle
from body import Body, PolicyProcess

from inspire_policy.ros.domains import free_domain_id


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny bundle with the continuous codec; not to be changed."""
    return tiny_bundle.make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def observation() -> PolicyObservation:
    """Noise in both cameras, and a pose."""
    random = np.random.default_rng(7)
    images = {camera: random.integers(0, 256, (32, 32, 3), dtype=np.uint8) for camera in tiny_bundle.CAMERAS}
    return PolicyObservation(images, np.array([0.4, 0.1, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]), 0.5)


@pytest.fixture
def domain(monkeypatch) -> int:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return free_domain_id()


@pytest.fixture
def body(domain):
    made = Body(domain)
    yield made
    made.close()


@pytest.fixture
def launch(domain, tiny):
    started = []

    def start(**parameters) -> PolicyProcess:
        started.append(PolicyProcess(domain, parameters.pop("bundle", tiny), **parameters))
        return started[-1]

    yield start
    for process in started:
        process.end()
