"""What every commander (policy, expert, teleoperation) does alike: hear instructions, hold the lease, act in turn,
report status.

An instruction is refused (status REFUSED with the reason) or leads to a lease from the arm gate and to status ACTING;
an empty one gives the lease back, whereupon the gate holds. The same instruction again changes nothing, so that a
repeating publisher does not restart the plan. The gate may start later than the commander: the lease is asked for
again until it answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from inspire_msgs.msg import CommanderStatus, EndEffectorAction, GateStatus
from inspire_msgs.srv import AcquireLease
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import String

from inspire_policy.action import ActionContract
from inspire_policy.ros.messages import stamp_ns
from inspire_policy.ros.qos import COMMAND, INSTRUCTION, LATCHED
from inspire_policy.turns import Latencies, Turn, Turns

ASK_PERIOD = 0.5  # s between two requests for the lease
LEASE_TIMEOUT = 10.0  # s without an answer after which the instruction is refused
STATUS_PERIOD = 1.0  # s


def _nothing() -> None:
    """The callback of a commander that has none."""


class Commander:
    """One commander on its node. All callbacks run on the node's executor.

    Use: on a complete observation of stamp t, `judge(t)`; for NEW or JUMP compute and `act(action)`, for AGAIN
        `repeat()`.
    """

    def __init__(
        self,
        node: Node,
        commander_id: str,
        *,
        contract: ActionContract,
        on_start: Callable[[str], None],
        on_stop: Callable[[], None] = _nothing,
        on_acting: Callable[[], None] = _nothing,
        active: bool = True,
    ) -> None:
        """
        Args:
            node: owner of the topics `instruction`, `inspire/status`, `inspire/action` and the client of `arm/acquire`.
            commander_id: name under which the lease is held.
            contract: gives the control period.
            on_start: called with the text of a new instruction; raises ValueError to refuse it.
            on_stop: called when the instruction is withdrawn or replaced: drop the plan.
            on_acting: called when the lease is held: answer the newest observation, which may have come before.
            active: False for a lifecycle node until it is activated, see `set_active`.
        """
        self.id = commander_id
        self.instruction = ""
        self.ticks = 0
        self.dropped = 0
        self.latencies = Latencies()
        self._node = node
        self._on_start, self._on_stop, self._on_acting = on_start, on_stop, on_acting
        self._turns = Turns(contract.period)
        self._last_action: EndEffectorAction | None = None
        self._state = CommanderStatus.READY if active else CommanderStatus.INACTIVE
        self._reason = ""
        self._asked_since: float | None = None  # monotonic s; None: no lease is being asked for
        self._request: Future | None = None
        self._requested_at = 0.0
        self._holds_lease = False
        self._lease_seen = False  # the gate's status has named this commander since the lease was granted
        self._actions = node.create_publisher(EndEffectorAction, "inspire/action", COMMAND)
        self._statuses = node.create_publisher(CommanderStatus, "inspire/status", LATCHED)
        self._lease = node.create_client(AcquireLease, "arm/acquire")
        node.create_subscription(String, "instruction", self._on_instruction, INSTRUCTION)
        node.create_subscription(GateStatus, "arm/status", self._on_gate, LATCHED)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self._timers = [
            node.create_timer(0.05, self._ask, clock=steady),
            node.create_timer(STATUS_PERIOD, self.publish_status, clock=steady),
        ]
        self.publish_status()

    @property
    def acting(self) -> bool:
        """Whether an instruction is followed and the lease is held."""
        return bool(self._state == CommanderStatus.ACTING)

    def set_active(self, active: bool) -> None:
        """Follow a lifecycle transition; on deactivation the instruction is dropped and the lease given back."""
        self._withdraw()
        self._set_state(CommanderStatus.READY if active else CommanderStatus.INACTIVE)

    def judge(self, stamp: int) -> Turn:
        """What to do with the complete observation at `stamp` nanoseconds; OLD while not acting."""
        return self._turns.judge(stamp) if self.acting else Turn.OLD

    def act(self, action: EndEffectorAction, *, latency: float | None = None) -> None:
        """Publish the one action of a control period, the answer to the observation of `action.header.stamp`.

        Args:
            latency: s from the observation's arrival to now, where an inference was made.
        """
        if not self.acting:
            return
        self._turns.answered(stamp_ns(action.header.stamp))
        self._last_action = action
        self._actions.publish(action)
        if latency is not None:
            self.ticks += 1
            self.latencies.add(latency)

    def repeat(self) -> None:
        """Publish the last action once more, unchanged."""
        if self.acting and self._last_action is not None:
            self._actions.publish(self._last_action)

    def refuse(self, reason: str) -> None:
        """End the running instruction with a reason (expected, found, how to mend); the gate holds."""
        instruction = self.instruction
        self._withdraw()
        self._set_state(CommanderStatus.REFUSED, reason, instruction)

    def fail(self, reason: str) -> None:
        """End the running instruction because of a fault of this commander; the gate holds."""
        self._withdraw()
        self._set_state(CommanderStatus.ERROR, reason)

    def conclude(self, reason: str) -> None:
        """End the running instruction because somebody has judged it: `judged_success: ...` or `judged_failure: ...`."""
        self._withdraw()
        self._state, self._reason = CommanderStatus.READY, reason
        self.publish_status()

    def close(self) -> None:
        """The last word of the process: give the lease back, so that the gate holds, and wait for its answer for up
        to 0.5 s.
        """
        self._withdraw()
        deadline = time.monotonic() + 0.5
        executor = self._node.executor
        while (
            executor is not None
            and self._request is not None
            and not self._request.done()
            and time.monotonic() < deadline
        ):
            executor.spin_once(timeout_sec=0.05)
        self._set_state(CommanderStatus.INACTIVE)

    def publish_status(self) -> None:
        """Publish the status now."""
        message = CommanderStatus(
            state=self._state,
            commander_id=self.id,
            instruction=self.instruction,
            reason=self._reason,
            ticks=self.ticks,
            dropped=self.dropped,
            latency_p50=self.latencies.percentile(50),
            latency_p95=self.latencies.percentile(95),
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._statuses.publish(message)

    def _on_instruction(self, message: String) -> None:
        text = message.data
        if self._state == CommanderStatus.INACTIVE:
            self._reason = "instruction refused: expected an active node, found an inactive one; activate it first"
            self.publish_status()
        elif not text.strip():
            self._withdraw()
            self._set_state(CommanderStatus.READY)
        elif text != self.instruction:
            self._start(text)

    def _start(self, text: str) -> None:
        if self.instruction:
            self._on_stop()
        self._turns.forget()
        self._last_action = None
        try:
            self._on_start(text)
        except ValueError as error:
            self._withdraw()
            self._set_state(CommanderStatus.REFUSED, str(error))
            return
        self.instruction = text
        if self._holds_lease:
            self._begin_acting()
        else:
            self._asked_since = time.monotonic()
            self._ask()

    def _ask(self) -> None:
        """Ask for the lease, again every ASK_PERIOD, until the gate answers or LEASE_TIMEOUT has passed."""
        if self._asked_since is None:
            return
        now = time.monotonic()
        if now - self._asked_since > LEASE_TIMEOUT:
            self.refuse(
                f"arm/acquire: expected an answer of the arm gate within {LEASE_TIMEOUT:g} s, found none; "
                "start arm_gate first"
            )
        elif self._lease.service_is_ready() and (self._request is None or now - self._requested_at > ASK_PERIOD):
            self._requested_at = now
            self._request = self._lease.call_async(AcquireLease.Request(commander_id=self.id))
            self._request.add_done_callback(self._on_lease)

    def _on_lease(self, future: Future) -> None:
        if self._asked_since is None or self._request is None or future is not self._request:
            return
        reply = future.result()
        self._request = None
        if reply is None:  # asked again by the timer
            return
        self._asked_since = None
        if reply.granted:
            self._holds_lease, self._lease_seen = True, False
            self._begin_acting()
        else:
            self.refuse(f"arm/acquire: {reply.message or 'refused'} (holder: {reply.holder or 'none'})")

    def _on_gate(self, message: GateStatus) -> None:
        """A gate that names another holder, or none after a fault, has taken the lease away."""
        if not self._holds_lease:
            return
        if message.commander_id == self.id:
            self._lease_seen = True
        elif self._lease_seen:  # an older status may still arrive after the grant
            self._holds_lease = False
            faults = ", ".join(reason.name for reason in message.latched)
            cause = f"by a fault ({faults}); call arm/reset, then instruct again" if faults else "by the gate"
            self.refuse(f"arm/acquire: expected to hold the lease, found it ended {cause}")

    def _begin_acting(self) -> None:
        self._set_state(CommanderStatus.ACTING)
        self._on_acting()

    def _withdraw(self) -> None:
        """Drop the instruction and give the lease back."""
        if self.instruction:
            self._on_stop()
        self.instruction = ""
        self._turns.forget()
        self._last_action = None
        asked = self._asked_since is not None and self._request is not None
        self._asked_since = None
        if (self._holds_lease or asked) and self._lease.service_is_ready():
            self._request = self._lease.call_async(AcquireLease.Request(commander_id=self.id, release=True))
        else:
            self._request = None
        self._holds_lease = False

    def _set_state(self, state: int, reason: str = "", instruction: str | None = None) -> None:
        self._state, self._reason = state, reason
        if reason:
            told = f" {instruction!r}" if instruction else ""
            self._node.get_logger().warning(f"instruction{told} not followed: {reason}")
        self.publish_status()
