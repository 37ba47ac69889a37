"""The lease: who may command the arm. A guard against mistakes, not malice: rclpy does not tell who published."""

from __future__ import annotations


class Lease:
    """One holder at a time; others wait until it is released.

    Attributes:
        timeout: s for which it may be held unused. holder: its commander_id, empty when free.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.holder = ""
        self._since = 0

    def acquire(self, commander_id: str, steady: int) -> tuple[bool, str]:
        """Grant the lease at `steady` nanoseconds when it is free or already the caller's: (granted, message)."""
        if not commander_id:
            return False, "expected a commander_id, found an empty one: name yourself, e.g. policy"
        if self.holder not in ("", commander_id):
            return False, f"expected a free lease, found it held by {self.holder}: let {self.holder} release it first"
        self.holder, self._since = commander_id, steady
        return True, "granted"

    def release(self, commander_id: str) -> tuple[bool, str]:
        """Give the lease back; returns (whether the caller held it, message)."""
        if not commander_id or self.holder != commander_id:
            return False, f"expected the holder {self.holder or '(none)'} to release, found {commander_id or '(empty)'}"
        self.holder = ""
        return True, "released"

    def idle(self, steady: int) -> bool:
        """Whether it was granted longer ago than its timeout."""
        return bool(self.holder) and (steady - self._since) * 1e-9 > self.timeout

    def end(self) -> None:
        """Take it away."""
        self.holder = ""
