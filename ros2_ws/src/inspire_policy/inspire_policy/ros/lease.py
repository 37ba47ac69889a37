"""The lease on the arm, as its holder sees it: asked for until the gate answers, given back, noticed when it is lost.

The gate may start later than the commander, so the lease is asked for again until it answers. rclpy tells nobody that a
lease was lost: the gate's status names the holder.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from inspire_msgs.msg import GateStatus
from inspire_msgs.srv import AcquireLease
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from inspire_policy.ros.qos import LATCHED

ASK_PERIOD = 0.5  # s between two requests
ANSWER_TIMEOUT = 10.0  # s without an answer after which it is given up
STALE_STATUSES = 1  # a status from before the grant may still arrive after it


class Lease:
    """The lease of `holder`. All callbacks run on the node's executor.

    Args:
        node: owner of the client of `arm/acquire` and the reader of `arm/status`. holder: commander_id.
        on_granted: the lease is held now. on_lost: it was refused, never answered or taken away, with the reason.
    """

    def __init__(
        self, node: Node, holder: str, *, on_granted: Callable[[], None], on_lost: Callable[[str], None]
    ) -> None:
        self.held = False
        self._node = node
        self._holder = holder
        self._on_granted, self._on_lost = on_granted, on_lost
        self._asked_since: float | None = None  # monotonic s; None: not being asked for
        self._request: Future | None = None
        self._requested_at = 0.0
        self._seen = False  # the gate's status has named the holder since the lease was granted
        self._others = 0  # statuses since the grant that named somebody else, or nobody
        self._client = node.create_client(AcquireLease, "arm/acquire")
        node.create_subscription(GateStatus, "arm/status", self._on_gate, LATCHED)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self._timer = node.create_timer(0.05, self._ask, clock=steady)

    def ask(self) -> None:
        """Ask for it; `on_granted` or `on_lost` follows."""
        self._asked_since = time.monotonic()
        self._ask()

    def release(self) -> None:
        """Give it back, also when a request for it is still on its way."""
        asked = self._asked_since is not None and self._request is not None
        self._asked_since = None
        if (self.held or asked) and self._client.service_is_ready():
            self._request = self._client.call_async(AcquireLease.Request(commander_id=self._holder, release=True))
        else:
            self._request = None
        self.held = False

    @property
    def waiting(self) -> bool:
        """Whether an answer of the gate is still to come."""
        return self._request is not None and not self._request.done()

    def _ask(self) -> None:
        if self._asked_since is None:
            return
        now = time.monotonic()
        if now - self._asked_since > ANSWER_TIMEOUT:
            self._on_lost(
                f"arm/acquire: expected an answer of the arm gate within {ANSWER_TIMEOUT:g} s, found none; "
                "start arm_gate first"
            )
        elif self._client.service_is_ready() and (self._request is None or now - self._requested_at > ASK_PERIOD):
            self._requested_at = now
            self._request = self._client.call_async(AcquireLease.Request(commander_id=self._holder))
            self._request.add_done_callback(self._on_answer)

    def _on_answer(self, future: Future) -> None:
        if self._asked_since is None or self._request is None or future is not self._request:
            return
        reply = future.result()
        self._request = None
        if reply is None:  # asked again by the timer
            return
        self._asked_since = None
        if reply.granted:
            self.held, self._seen, self._others = True, False, 0
            self._on_granted()
        else:
            self._on_lost(f"arm/acquire: {reply.message or 'refused'} (holder: {reply.holder or 'none'})")

    def _on_gate(self, message: GateStatus) -> None:
        """A gate that names another holder, or none after a fault, has taken the lease away."""
        if not self.held:
            return
        if message.commander_id == self._holder:
            self._seen = True
            return
        self._others += 1
        if self._seen or self._others > STALE_STATUSES:
            self.held = False
            faults = ", ".join(reason.name for reason in message.latched)
            cause = f"by a fault ({faults}); call arm/reset, then instruct again" if faults else "by the gate"
            self._on_lost(f"arm/acquire: expected to hold the lease, found it ended {cause}")
