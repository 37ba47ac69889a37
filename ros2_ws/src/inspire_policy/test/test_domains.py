"""ROS domains for stacks and tests."""

import os
import subprocess
import sys
import textwrap

from inspire_policy.ros import domains
from inspire_policy.ros.domains import free_domain_id

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
