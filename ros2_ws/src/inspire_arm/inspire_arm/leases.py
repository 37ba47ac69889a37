"""The lease: who may command the arm. A guard against mistakes, not malice: rclpy does not tell who published."""

from __future__ import annotations


class Lease:
    """One holder at a time; others wait until it is released."""

    def __init__(self) -> None:
        self.holder = ""

    def acquire(self, commander_id: str) -> tuple[bool, str]:
        """Grant the lease when it is free or already the caller's; returns (granted, message)."""
        if not commander_id:
            return False, "expected a commander_id, found an empty one: name yourself, e.g. policy"
        if self.holder not in ("", commander_id):
            return False, f"expected a free lease, found it held by {self.holder}: let {self.holder} release it first"
        self.holder = commander_id
        return True, "granted"

    def release(self, commander_id: str) -> tuple[bool, str]:
        """Give the lease back; returns (whether the caller held it, message)."""
        if not commander_id or self.holder != commander_id:
            return False, f"expected the holder {self.holder or '(none)'} to release, found {commander_id or '(empty)'}"
        self.holder = ""
        return True, "released"
