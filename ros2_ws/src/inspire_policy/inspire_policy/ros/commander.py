"""What every commander (policy, expert, teleoperation) does alike: hear instructions, hold the lease, act in turn,
report status.

An instruction is refused (status REFUSED with the reason) or leads to a lease from the arm gate and to status ACTING;
an empty one gives the lease back, whereupon the gate holds. The newest instruction wins, wherever it came from. The
same one again on the topic changes nothing, so that a repeating publisher does not restart the plan. Each ends exactly
once, with an Ending.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from inspire_msgs.msg import CommanderStatus, EndEffectorAction
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import String

from inspire_policy.action import ActionContract
from inspire_policy.outcomes import Ending, Outcome
from inspire_policy.ros.lease import Lease
from inspire_policy.ros.messages import stamp_ns
from inspire_policy.ros.qos import COMMAND, INSTRUCTION, LATCHED
from inspire_policy.turns import Latencies, Rate, Turn, Turns

STATUS_PERIOD = 1.0  # s
LAST_WORD = 0.5  # s, for the gate's answer when the process ends


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
        self.steps = 0  # actions published for the running instruction
        self.ticks = 0
        self.dropped = 0
        self.latencies = Latencies()
        self.rate = Rate()  # of actions
        self._node = node
        self._on_start, self._on_stop, self._on_acting = on_start, on_stop, on_acting
        self._on_end: Callable[[Ending], None] | None = None
        self._turns = Turns(contract.period)
        self._last_action: EndEffectorAction | None = None
        self._state = CommanderStatus.READY if active else CommanderStatus.INACTIVE
        self._reason = ""
        self._actions = node.create_publisher(EndEffectorAction, "inspire/action", COMMAND)
        self._statuses = node.create_publisher(CommanderStatus, "inspire/status", LATCHED)
        self._lease = Lease(node, commander_id, on_granted=self._begin_acting, on_lost=self.refuse)
        node.create_subscription(String, "instruction", self._on_instruction, INSTRUCTION)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self._timer = node.create_timer(STATUS_PERIOD, self.publish_status, clock=steady)
        self.publish_status()

    @property
    def acting(self) -> bool:
        """Whether an instruction is followed and the lease is held."""
        return bool(self._state == CommanderStatus.ACTING)

    @property
    def active(self) -> bool:
        """Whether instructions are listened to."""
        return bool(self._state != CommanderStatus.INACTIVE)

    @property
    def state(self) -> tuple[int, str]:
        """State as in CommanderStatus, and the reason for it."""
        return self._state, self._reason

    def set_active(self, active: bool) -> None:
        """Follow a lifecycle transition; on deactivation the instruction is dropped and the lease given back."""
        self._end(
            Ending(Outcome.CANCELED, "the node was deactivated"),
            CommanderStatus.READY if active else CommanderStatus.INACTIVE,
        )

    def instruct(self, text: str, on_end: Callable[[Ending], None] | None = None) -> None:
        """Follow a new instruction in place of the running one; it may be the same text.

        Args:
            on_end: called once, when it ends, also when it is refused.
        """
        if self.instruction:
            self._on_stop()
            self.instruction = ""
            self._tell_end(Ending(Outcome.CANCELED, f"a newer instruction took its place: {text[:200]!r}"))
        self._turns.forget()
        self._last_action = None
        self.rate.restart()
        self.steps = 0
        self._on_end = on_end
        try:
            self._on_start(text)
        except ValueError as error:
            self.refuse(str(error))
            return
        self.instruction = text
        if self._lease.held:
            self._begin_acting()
        else:
            self._lease.ask()

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
        self.steps += 1
        self.rate.add(time.monotonic())
        if latency is not None:
            self.ticks += 1
            self.latencies.add(latency)

    def repeat(self) -> None:
        """Publish the last action once more, unchanged."""
        if self.acting and self._last_action is not None:
            self._actions.publish(self._last_action)

    def refuse(self, reason: str) -> None:
        """End the running instruction with a reason (expected, found, how to mend); the gate holds."""
        self._end(Ending(Outcome.FAULT, reason), CommanderStatus.REFUSED)

    def fail(self, reason: str) -> None:
        """End the running instruction because of a fault of this commander; the gate holds."""
        self._end(Ending(Outcome.FAULT, reason), CommanderStatus.ERROR)

    def finish(self, ending: Ending) -> None:
        """End the running instruction because it was judged, cancelled or out of time; the gate holds."""
        if self.instruction:
            self._end(ending, CommanderStatus.READY)

    def close(self) -> None:
        """The last word of the process: give the lease back, so that the gate holds, and wait for its answer for up
        to 0.5 s.
        """
        ending = Ending(Outcome.CANCELED, "the node was stopped")
        self._end(ending, self._state)
        deadline = time.monotonic() + LAST_WORD
        executor = self._node.executor
        while executor is not None and self._lease.waiting and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.05)
        self._end(ending, CommanderStatus.INACTIVE)

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
            self._end(Ending(Outcome.CANCELED, "an empty instruction"), CommanderStatus.READY)
        elif text != self.instruction:
            self.instruct(text)

    def _begin_acting(self) -> None:
        self._state, self._reason = CommanderStatus.ACTING, ""
        self.publish_status()
        self._on_acting()

    def _end(self, ending: Ending, state: int) -> None:
        """Drop the instruction, give the lease back, go over to `state` and tell whoever gave the instruction."""
        instruction = self.instruction
        if instruction:
            self._on_stop()
        self.instruction = ""
        self._turns.forget()
        self._last_action = None
        self.rate.restart()
        self._lease.release()
        self._state, self._reason = state, ""
        if ending.outcome == Outcome.FAULT:
            self._reason = ending.reason
            told = f" {instruction!r}" if instruction else ""
            self._node.get_logger().warning(f"instruction{told} not followed: {ending.reason}")
        elif instruction:
            self._reason = str(ending)
            self._node.get_logger().info(f"instruction {instruction!r} ended, {ending}")
        self.publish_status()
        self._tell_end(ending)

    def _tell_end(self, ending: Ending) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(ending)
