"""`inspire/execute`: one instruction as an action, and `inspire/judge`: how the running instruction went.

A goal takes the place of whatever is being followed and is replaced by whatever comes next, on the topic or here. Its
callback awaits the ending that the commander tells; nothing loops. Without a judgement it ends by `max_duration`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from inspire_msgs.action import ExecuteInstruction
from inspire_msgs.msg import DirectionAnswers
from inspire_msgs.srv import Judge
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from inspire_policy.outcomes import Ending, Outcome, TimeLimit, judged
from inspire_policy.ros.commander import Commander
from inspire_policy.ros.messages import duration_ns

LAST_WORD = 0.3  # s in which a client still hears the result when the process ends


@dataclass(frozen=True)
class _Run:
    """The goal being followed and its time."""

    handle: ServerGoalHandle
    limit: TimeLimit


class ExecuteServer:
    """Gives instructions to a commander. All callbacks run on the node's executor."""

    def __init__(self, node: Node, commander: Commander) -> None:
        self._node = node
        self._commander = commander
        self._run: _Run | None = None
        self._heard_at = 0.0  # monotonic s, when the client of the last goal has surely heard its result
        self._server = ActionServer(
            node,
            ExecuteInstruction,
            "inspire/execute",
            execute_callback=self._execute,
            goal_callback=self._check,
            cancel_callback=self._cancel,
        )
        node.create_service(Judge, "inspire/judge", self._on_judge)

    def look(self, now: int) -> None:
        """End the goal when its time is up at ROS time `now`, ns."""
        if self._run is not None:
            ending = self._run.limit.look(now)
            if ending is not None:
                self._commander.finish(ending)

    def tell(self, answers: DirectionAnswers, latency: float) -> None:
        """Tell whoever gave the goal about an inference, `latency` s from observation to chunk."""
        if self._run is not None:
            self._run.handle.publish_feedback(
                ExecuteInstruction.Feedback(answers=answers, step=self._commander.steps, latency=latency)
            )

    def close(self) -> None:
        """The process ends, and the commander has ended the goal: let its client hear of it.

        Nobody can ask whether a service's answer has arrived, so time is all that can be given.
        """
        if self._run is not None:
            self._heard_at = time.monotonic() + LAST_WORD
        executor = self._node.executor
        while executor is not None and time.monotonic() < self._heard_at:
            executor.spin_once(timeout_sec=0.05)
        self._server.destroy()

    def _check(self, goal: ExecuteInstruction.Goal) -> GoalResponse:
        """Refuse a goal that says too little; what its words mean is judged when it is followed."""
        try:
            if not self._commander.active:
                raise ValueError("expected an active node, found an inactive one; activate it first")
            if not goal.instruction.strip():
                raise ValueError("instruction: expected some words, found none; cancel the goal to stop")
            TimeLimit(duration_ns(goal.max_duration))
        except ValueError as error:
            self._node.get_logger().warning(f"inspire/execute: goal refused: {error}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        if self._run is not None and self._run.handle is handle:
            self._commander.finish(Ending(Outcome.CANCELED, "by the client of the action"))
        return CancelResponse.ACCEPT

    async def _execute(self, handle: ServerGoalHandle) -> ExecuteInstruction.Result:
        if handle.is_cancel_requested:
            handle.canceled()
            return ExecuteInstruction.Result(outcome=Outcome.CANCELED.value, reason="canceled before it began")
        goal = handle.request
        run = self._run = _Run(handle, TimeLimit(duration_ns(goal.max_duration)))
        ended: Future = Future()
        self._commander.instruct(
            goal.instruction, on_end=lambda ending: ended.set_result((ending, self._commander.steps))
        )
        ending, steps = await ended
        if ending.outcome == Outcome.JUDGED_SUCCESS:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        if self._run is run:
            self._run = None
        self._heard_at = time.monotonic() + LAST_WORD
        return ExecuteInstruction.Result(outcome=ending.outcome.value, reason=ending.reason, steps=steps)

    def _on_judge(self, request: Judge.Request, response: Judge.Response) -> Judge.Response:
        instruction = self._commander.instruction
        if instruction:
            self._commander.finish(judged(request.success, request.reason))
            response.accepted, response.message = True, f"{instruction!r} ended after {self._commander.steps} steps"
        else:
            response.message = "expected a running instruction, found none; a judgement comes while it runs"
        return response
