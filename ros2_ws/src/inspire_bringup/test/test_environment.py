"""Shared memory, DDS profile."""

import os
import signal
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from collections import namedtuple

import pytest

from inspire_bringup import environment
from inspire_bringup.checks import check_renderer
from inspire_bringup.environment import (
    remove_orphaned_segments,
    shared_memory_warning,
    stack_environment,
)
from inspire_bringup.errors import BadInput
from inspire_bringup.paths import dds_profile
from inspire_policy.ros.domains import free_domain_id
from inspire_sim import renderer

PARTICIPANT = textwrap.dedent("""
    import rclpy, time
    rclpy.init()
    node = rclpy.create_node("lonely")
    print("ready", flush=True)
    time.sleep(60)
""")


def test_the_users_settings_win():
    chosen = {"ROS_DOMAIN_ID": "7", "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "MUJOCO_GL": "egl"}
    made = stack_environment(chosen)
    assert {name: made[name] for name in chosen} == chosen


def test_defaults_isolate_a_stack_and_name_an_existing_profile():
    made = stack_environment({}, domain_id=9)
    assert made["ROS_DOMAIN_ID"] == "9"
    assert made["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert os.path.isfile(made["FASTRTPS_DEFAULT_PROFILES_FILE"])


def test_the_profile_has_the_segment_that_images_need():
    root = ElementTree.parse(dds_profile()).getroot()
    sizes = [int(e.text) for e in root.iter() if e.tag.endswith("segment_size")]
    assert sizes == [32 * 1024 * 1024]


def test_a_small_shared_memory_is_warned_about(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda folder: usage(64 << 20, 0, 64 << 20))
    assert shared_memory_warning(1, tmp_path) is None
    assert "expected 176 MB" in shared_memory_warning(5, tmp_path)


def test_segments_of_a_killed_process_are_removed_and_those_of_a_living_one_are_not():
    domain = str(free_domain_id())
    made = {**stack_environment(os.environ), "ROS_DOMAIN_ID": domain}
    participant = subprocess.Popen([sys.executable, "-c", PARTICIPANT], env=made, stdout=subprocess.PIPE)
    try:
        assert participant.stdout.readline() == b"ready\n"
        segments = [s for s in _large_segments() if _maps(participant.pid, s)]
        assert segments
        remove_orphaned_segments()
        assert all(segment in _large_segments() for segment in segments)
        participant.send_signal(signal.SIGKILL)
        participant.wait()
        assert remove_orphaned_segments() >= 1
        assert not any(segment in _large_segments() for segment in segments)
    finally:
        participant.kill()
        participant.wait()
        participant.stdout.close()


def _large_segments():
    return [
        p.name for p in environment.SHARED_MEMORY.glob("fast*") if "_port" not in p.name and not p.name.endswith("_el")
    ]


def _maps(pid, segment):
    with open(f"/proc/{pid}/maps") as maps:
        return any(segment in line for line in maps)


def test_a_missing_renderer_is_said_with_how_to_mend_it(monkeypatch):
    monkeypatch.setattr(renderer, "OSMESA", ("libOSMesa-that-is-not-there.so",))
    with pytest.raises(BadInput, match="expected the OSMesa library.*apt-get install libosmesa6"):
        check_renderer({"MUJOCO_GL": "osmesa"})
    check_renderer({"MUJOCO_GL": "egl"})
