"""A ROS domain of one's own: stacks and tests on one machine that do not hear each other."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

_DOMAINS = range(1, 101)  # above 101 the ports collide with Linux's ephemeral ones
HELD_AT_MOST = 16  # by one process: two long runs of tests must not take every domain from each other
_held: dict[int, int] = {}  # domain -> its lock: a domain stays reserved while this process lives


class NoFreeDomain(RuntimeError):
    """Every domain is taken."""


def free_domain_id() -> int:
    """A ROS domain id that no process on this machine uses, reserved for the life of this process.

    A process that has reserved HELD_AT_MOST of them, as a long run of tests does, is given its own ones again, the
    oldest first, where nobody listens any more; so is one that finds all others taken.

    Raises:
        NoFreeDomain: every domain is taken.
    """
    domain = _again() if len(_held) >= HELD_AT_MOST else None
    domain = domain or _another() or _again()
    if domain is None:
        raise NoFreeDomain(
            "expected a free ROS domain id between 1 and 100, found none; stop some ROS processes or set ROS_DOMAIN_ID"
        )
    return domain


def _another() -> int | None:
    """One that nobody has."""
    start = os.getpid() % len(_DOMAINS)
    candidates = (_DOMAINS[(start + offset) % len(_DOMAINS)] for offset in range(len(_DOMAINS)))
    return next((domain for domain in candidates if _reserve(domain)), None)


def _again() -> int | None:
    """The oldest of this process's own where nobody listens; it is the youngest then."""
    domain = next((domain for domain in _held if _ports_are_free(domain)), None)
    if domain is not None:
        _held[domain] = _held.pop(domain)
    return domain


def _reserve(domain: int) -> bool:
    """Lock a domain against other runners and see that no participant listens on its ports."""
    path = Path(tempfile.gettempdir()) / f"inspire_ros_domain_{domain}.lock"
    try:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError:  # another user's
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    if not _ports_are_free(domain):
        os.close(lock)
        return False
    _held[domain] = lock
    return True


def _ports_are_free(domain: int) -> bool:
    """Whether no participant listens in a domain (the port rule of RTPS, the first eight participants)."""
    try:
        for participant in range(8):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("", 7400 + 250 * domain + 10 + 2 * participant))
    except OSError:
        return False
    return True
