"""What a stack's processes share: the DDS profile, a domain of their own, and room in shared memory.

The user's own settings (ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE, a profile) always win.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from inspire_bringup.errors import StackFailure
from inspire_bringup.paths import dds_profile
from inspire_policy.ros.domains import NoFreeDomain, free_domain_id

SHARED_MEMORY = Path("/dev/shm")
SEGMENT_BYTES = 35_200_000  # of /dev/shm per participant with the shipped profile (seen)


def stack_environment(
    base: Mapping[str, str], *, domain_id: int | None = None, log_folder: Path | None = None
) -> dict[str, str]:
    """The environment of a stack's processes.

    Args:
        base: the environment to start from, usually os.environ.
        domain_id: the ROS domain; None: the one of `base`, else a free one.
        log_folder: where ROS's own logs go; None: ROS's default.

    Raises:
        StackFailure: no domain is free.
    """
    environment = dict(base)
    if domain_id is not None:
        environment["ROS_DOMAIN_ID"] = str(domain_id)
    elif not environment.get("ROS_DOMAIN_ID"):
        try:
            environment["ROS_DOMAIN_ID"] = str(free_domain_id())
        except NoFreeDomain as error:
            raise StackFailure(str(error)) from error
    for name, value in _defaults().items():
        environment.setdefault(name, value)
    if log_folder is not None:
        environment.setdefault("ROS_LOG_DIR", str(log_folder))
    return environment


def launch_environment() -> dict[str, str]:
    """What a launch file has to set for its nodes: the same defaults, less what the user has set already."""
    return {name: value for name, value in _defaults().items() if not os.environ.get(name)}


def _defaults() -> dict[str, str]:
    return {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(dds_profile()),  # Fast DDS 2.14, Jazzy
        "FASTDDS_DEFAULT_PROFILES_FILE": str(dds_profile()),  # Fast DDS 3, newer
        "MUJOCO_GL": "osmesa",
        "PYOPENGL_PLATFORM": "osmesa",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "LP_NUM_THREADS": "0",  # the software renderer's own threads cost more than they give at these sizes
        "PYTHONUNBUFFERED": "1",
        "RCUTILS_COLORIZED_OUTPUT": "0",
    }


def shared_memory_warning(participants: int, folder: Path = SHARED_MEMORY) -> str | None:
    """A warning when /dev/shm has no room for so many participants; DDS would fall back to UDP without a word."""
    if not folder.is_dir():
        return f"expected {folder} for shared-memory transport, found none; images travel over UDP and may be lost"
    free, needed = shutil.disk_usage(folder).free, participants * SEGMENT_BYTES
    if free >= needed:
        return None
    return (
        f"expected {needed / 1e6:.0f} MB free in {folder} for {participants} "
        f"participants, found {free / 1e6:.0f} MB; images may be "
        "lost. Free some, or give a container more (docker run --shm-size 1g)"
    )


def remove_orphaned_segments(folder: Path = SHARED_MEMORY) -> int:
    """Remove the shared-memory segments of killed processes; returns how many.

    Fast DDS holds a lock on `<segment>_el` while the owner lives: a lock that can be taken belongs to nobody. Ports
    (small, reused by number) are left to Fast DDS, which mends them when it opens them again.
    """
    removed = 0
    for lock_path in [*folder.glob("fastrtps_*_el"), *folder.glob("fastdds_*_el")]:
        if "_port" in lock_path.name:
            continue
        segment = lock_path.with_name(lock_path.name[: -len("_el")])
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in (segment, lock_path):
                path.unlink(missing_ok=True)
            removed += 1
        except OSError:  # its owner lives, or it is another user's
            pass
        finally:
            os.close(lock)
    return removed
