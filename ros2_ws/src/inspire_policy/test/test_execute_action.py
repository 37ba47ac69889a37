"""inspire/execute and inspire/judge of a policy_node process, over real DDS, in lockstep: every outcome."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tiny_bundle
from action_msgs.msg import GoalStatus
from body import PERIOD, Body, PolicyProcess
from builtin_interfaces.msg import Duration
from inspire_msgs.action import ExecuteInstruction
from inspire_msgs.msg import CommanderStatus, GateStatus, StopReason
from inspire_msgs.srv import Judge
from rclpy.action import ActionClient
from rclpy.task import Future

from inspire_policy.ros.qos import LATCHED

INSTRUCTION = tiny_bundle.INSTRUCTION
Result = ExecuteInstruction.Result
pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a fiftieth


class Client:
    """Sends goals and judgements from the body's node.

    On a busy machine a server may answer before it has discovered who asks, and the answer is lost: what may be asked
    twice is, and at first something that changes nothing.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._action = ActionClient(body.node, ExecuteInstruction, "inspire/execute")
        self._judge = body.node.create_client(Judge, "inspire/judge")
        self.gate = body.node.create_publisher(GateStatus, "arm/status", LATCHED)
        self.feedback: list[ExecuteInstruction.Feedback] = []
        body.wait(self._action.server_is_ready, "action server")
        body.wait(self._judge.service_is_ready, "judge")
        self._stamps: Iterator[int] = itertools.count(10**12, PERIOD)
        nothing = ExecuteInstruction.Goal()
        assert not self._ask(lambda: self._action.send_goal_async(nothing), "answer to a goal").accepted
        assert not self._ask(lambda: self._judge.call_async(Judge.Request()), "answer of the judge").accepted

    def _ask(self, ask: Callable[[], Future], what: str, *, meanwhile: Callable[[], object] = lambda: None) -> Any:
        """The answer to what may be asked again and again."""
        asked, since = ask(), time.monotonic()

        def answered() -> bool:
            nonlocal asked, since
            if time.monotonic() - since > 3.0 and not asked.done():
                asked, since = ask(), time.monotonic()
            meanwhile()
            return bool(asked.done())

        self._body.wait(answered, what)
        return asked.result()

    def send(self, instruction: str = INSTRUCTION, seconds: int = 1000):
        """A goal's handle once the policy has accepted or rejected it."""
        goal = ExecuteInstruction.Goal(instruction=instruction, max_duration=Duration(sec=seconds))
        sent = self._action.send_goal_async(goal, feedback_callback=lambda m: self.feedback.append(m.feedback))
        self._body.wait(sent.done, "answer to a goal")
        return sent.result()

    def objects(self) -> set[str]:
        """All that feedback has named so far."""
        return {answer.object for feedback in self.feedback for answer in feedback.answers.answers}

    def judge(self, success: bool, reason: str = "") -> Judge.Response:
        asked = self._judge.call_async(Judge.Request(success=success, reason=reason))
        self._body.wait(asked.done, "answer of the judge")
        return asked.result()

    def step(self, times: int = 1) -> None:
        """So many control periods."""
        for _ in range(times):
            self._body.step(next(self._stamps))

    def ended(self, handle, *, meanwhile: Callable[[], object] = lambda: None) -> tuple[int, Result]:
        """Status and result of a goal."""
        answer = self._ask(handle.get_result_async, "result", meanwhile=meanwhile)
        return answer.status, answer.result


@pytest.fixture
def client(body, launch):
    launch()
    made = Client(body)
    body.wait_state(CommanderStatus.READY)
    return made


def acting(body: Body, handle, instruction: str = INSTRUCTION) -> None:
    """Wait until an accepted goal is followed; the status may come later than the answer to the goal."""
    assert handle.accepted
    body.wait(
        lambda: (body.statuses[-1].state, body.statuses[-1].instruction) == (CommanderStatus.ACTING, instruction),
        f"status ACTING {instruction!r}",
    )


def test_goals_end_as_they_are_judged_with_answers_as_feedback(body, client):
    handle = client.send()
    acting(body, handle)
    client.step(5)
    body.wait(lambda: len(client.feedback) == 2, "feedback of two inferences")
    assert [a.object for a in client.feedback[0].answers.answers] == ["milk", "bin"]
    assert client.feedback[0].step >= 1 and client.feedback[1].step >= 5 and client.feedback[1].latency > 0
    answer = client.judge(True, "the milk is in the bin")
    assert answer.accepted and "ended after 5 steps" in answer.message
    status, result = client.ended(handle)
    assert status == GoalStatus.STATUS_SUCCEEDED
    assert (result.outcome, result.reason, result.steps) == (Result.JUDGED_SUCCESS, "the milk is in the bin", 5)
    body.wait_state(CommanderStatus.READY, "judged_success: the milk is in the bin")
    body.wait(lambda: body.holder == "", "release")
    assert not client.judge(True).accepted, "nothing runs any more"

    handle = client.send()
    acting(body, handle)
    answer = client.judge(False, "dropped it")
    assert answer.accepted
    status, result = client.ended(handle)
    assert (status, result.outcome, result.reason) == (GoalStatus.STATUS_ABORTED, Result.JUDGED_FAILURE, "dropped it")
    # The newest observation is answered at once: before or after the judgement.
    assert result.steps <= 1 and f"ended after {result.steps} steps" in answer.message

    body.wait_state(CommanderStatus.READY, "judged_failure: dropped it")  # else the status is still the goal's
    body.say(INSTRUCTION)
    body.wait_state(CommanderStatus.ACTING)
    assert client.judge(False, "no").accepted, "instructions of the topic are judged as well"
    body.wait_state(CommanderStatus.READY, "judged_failure: no")


def test_goals_without_time_or_words_are_refused_and_change_nothing(body, client):
    first = client.send()
    acting(body, first)
    assert not client.send(seconds=0).accepted and not client.send(seconds=-1).accepted
    assert not client.send("  ").accepted
    client.step(2)
    status, result = client.ended(client.send("pick up the purple dinosaur"))
    assert (status, result.outcome) == (GoalStatus.STATUS_ABORTED, Result.FAULT)
    assert "found 'purple dinosaur'" in result.reason
    status, result = client.ended(first)
    assert result.outcome == Result.CANCELED and result.steps == 2 and "took its place" in result.reason
    body.wait_state(CommanderStatus.REFUSED, "purple dinosaur")


def test_cancelled_replaced_and_withdrawn_goals_say_so(body, client):
    handle = client.send()
    acting(body, handle)
    client.step()
    handle.cancel_goal_async()
    status, result = client.ended(handle)
    assert (status, result.outcome) == (GoalStatus.STATUS_CANCELED, Result.CANCELED)
    assert result.reason == "by the client of the action" and result.steps == 1
    body.wait_state(CommanderStatus.READY)

    first = client.send()
    acting(body, first)
    other = "pick up the bread and place it in the bin"
    second = client.send(other)
    _, result = client.ended(first)
    assert result.outcome == Result.CANCELED and other in result.reason
    acting(body, second, other)
    body.wait(lambda: "bread" in client.objects(), "an answer to the newest observation")
    client.step()
    body.say(other)  # the same again changes nothing
    client.step()
    assert body.releases == 1, "the lease was kept from one to the next"

    body.say(INSTRUCTION)
    status, result = client.ended(second)
    assert (status, result.outcome) == (GoalStatus.STATUS_ABORTED, Result.CANCELED) and INSTRUCTION in result.reason
    assert result.steps == 3, "the newest observation was answered for it at once, then two more"
    client.feedback.clear()
    third = client.send()
    acting(body, third)
    body.wait(lambda: client.feedback, "an answer for the third goal, which says the same as the topic before")
    body.say("")
    _, result = client.ended(third)
    assert (result.outcome, result.reason) == (Result.CANCELED, "an empty instruction")


def test_time_that_is_up_and_a_lost_lease_end_a_goal(body, client):
    handle = client.send(seconds=1)
    acting(body, handle)
    client.step(20)
    client_observation = 10**12 + 20 * PERIOD
    status, result = client.ended(handle, meanwhile=lambda: body.observe(client_observation))
    assert (status, result.outcome, result.steps) == (GoalStatus.STATUS_ABORTED, Result.TIMED_OUT, 20)
    assert "expected a judgement within 1 s" in result.reason
    body.wait_state(CommanderStatus.READY, "timed_out")

    handle = client.send()
    acting(body, handle)
    client.gate.publish(GateStatus(state=GateStatus.MOVING, commander_id="policy"))
    fault = GateStatus(state=GateStatus.FAULT, latched=[StopReason(name="non_finite_pose")])
    status, result = client.ended(handle, meanwhile=lambda: client.gate.publish(fault))
    assert (status, result.outcome) == (GoalStatus.STATUS_ABORTED, Result.FAULT)
    assert "ended by a fault (non_finite_pose); call arm/reset" in result.reason


def test_unusable_observations_and_the_end_of_the_process_reach_the_client(body, launch):
    policy: PolicyProcess = launch()
    client = Client(body)
    body.wait_state(CommanderStatus.READY)
    handle = client.send()
    acting(body, handle)
    client.step()
    body.observe(10**12 + PERIOD, position=[float("nan")] * 3)
    _, result = client.ended(handle)
    assert result.outcome == Result.FAULT and "bad_pose" in result.reason
    body.wait_state(CommanderStatus.ERROR, "bad_pose")
    for _ in range(3):  # nobody can know whether the last word is heard: a client that this machine stops may miss it
        handle = client.send()
        acting(body, handle)
        wanted = handle.get_result_async()
        client.step()  # by its answer the policy has the wish as well
        code, output = policy.finish()
        assert code == 0 and "Traceback" not in output, output
        deadline = time.monotonic() + 15.0
        while not wanted.done() and time.monotonic() < deadline:
            time.sleep(0.01)
        if wanted.done():
            break
        policy = launch()
        body.wait_state(CommanderStatus.READY)
        client = Client(body)
    assert wanted.done(), "result of a goal whose server was stopped"
    result = wanted.result().result
    assert (result.outcome, result.reason) == (Result.CANCELED, "the node was stopped")
