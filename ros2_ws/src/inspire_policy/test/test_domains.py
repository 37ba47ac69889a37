"""ROS domains for stacks and tests."""

import os
import subprocess
import sys
import textwrap

import pytest

from inspire_policy.ros import domains
from inspire_policy.ros.domains import NoFreeDomain, free_domain_id

PARTICIPANT = textwrap.dedent("""
    import rclpy, time
    rclpy.init()
    node = rclpy.create_node("lonely")
    print("ready", flush=True)
    time.sleep(60)
""")


def test_two_callers_get_two_domains():
    assert free_domain_id() != free_domain_id()


def test_a_domain_that_a_participant_uses_is_not_free():
    domain = free_domain_id()
    participant = subprocess.Popen(
        [sys.executable, "-c", PARTICIPANT],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        stdout=subprocess.PIPE,
    )
    try:
        assert participant.stdout.readline() == b"ready\n"
        assert not domains._ports_are_free(domain)
    finally:
        participant.kill()
        participant.wait()
        participant.stdout.close()


def test_a_process_that_has_reserved_all_is_given_its_oldest_again(monkeypatch, tmp_path):
    monkeypatch.setattr(domains.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(domains, "_DOMAINS", range(97, 100))
    monkeypatch.setattr(domains, "_held", {})
    monkeypatch.setattr(domains, "_ports_are_free", lambda domain: domain != 98)
    first, second = free_domain_id(), free_domain_id()
    assert {first, second} == {97, 99}, "98 is somebody else's"
    assert [free_domain_id() for _ in range(3)] == [first, second, first]
    monkeypatch.setattr(domains, "_ports_are_free", lambda domain: True)
    monkeypatch.setattr(domains, "HELD_AT_MOST", 2)
    assert free_domain_id() == second, "one that holds many leaves the rest to others"
    monkeypatch.setattr(domains, "HELD_AT_MOST", 3)
    assert free_domain_id() == 98
    monkeypatch.setattr(domains, "_ports_are_free", lambda domain: False)
    with pytest.raises(NoFreeDomain):
        free_domain_id()
    for lock in domains._held.values():
        os.close(lock)
