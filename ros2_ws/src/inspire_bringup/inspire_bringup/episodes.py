"""The episode driver: a ROS client that resets the world, gives the instruction, watches and judges the answers.

It knows the topics and services only, so it drives whatever stack offers them; commander and gate never know that they
are driven. Its callbacks store what arrived; all waiting happens in `run`, which spins the node itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import rclpy
from inspire_msgs.msg import CommanderStatus, DirectionAnswers, EpisodeStatus, GateStatus, SceneTruth
from inspire_msgs.srv import ResetWorld
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from inspire_bringup.errors import BadInput, StackFailure
from inspire_policy.ros.messages import pose_arrays, stamp_ns
from inspire_policy.ros.qos import INSTRUCTION, LATCHED
from inspire_policy.scoring import DIRECTIONS, Scoring
from inspire_sim.direction_tally import DirectionTally
from inspire_sim.results import REFUSED, EpisodeResult, EpisodeSpec, Holding

Message = TypeVar("Message")

_SETTLE = 0.5  # s of wall time for the last messages of an episode (the gate's counts) to arrive
_REPEAT_INSTRUCTION = 2.0  # s without a reaction after which the instruction is sent again
_GONE = (CommanderStatus.ERROR, CommanderStatus.INACTIVE)
_STREAM = QoSProfile(depth=200)  # a reader that is late loses no truth or answers


@dataclass(frozen=True)
class Progress:
    """Where a running episode stands: control periods so far, their limit, object -> newest answer."""

    step: int
    max_steps: int
    answers: dict[str, str]


class EpisodeDriver:
    """Drives episodes of one stack, one after another. A context manager with a ROS context of its own.

    Args:
        namespace: of the stack, "" or absolute.
        commanded: whether the stack has a commander; without one any node may follow the instruction.
        check: called while waiting; raises when the stack can no longer answer (a node died).
        scoring: what right answers are.
        domain_id: ROS domain.
    """

    def __init__(
        self,
        *,
        namespace: str = "",
        commanded: bool = True,
        check: Callable[[], None] = lambda: None,
        scoring: Scoring = DIRECTIONS,
        domain_id: int | None = None,
    ) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self._node = Node("episode_driver", namespace=namespace or None, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._check = check
        self._commanded = commanded
        self._scoring = scoring
        self._latest: dict[str, Any] = {}
        self._received = 0
        self._driving = False
        self._tally = DirectionTally()
        self._holding = Holding()
        self._start_stamp: int | None = None
        self._places: dict[int, dict[str, tuple[float, float]]] = {}
        latched = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        subscribe = self._node.create_subscription
        subscribe(CommanderStatus, "inspire/status", lambda m: self._store("commander", m), LATCHED)
        subscribe(GateStatus, "arm/status", lambda m: self._store("gate", m), LATCHED)
        subscribe(EpisodeStatus, "sim/episode", self._on_episode, latched)
        subscribe(DirectionAnswers, "inspire/answers", self._on_answers, _STREAM)
        subscribe(SceneTruth, "sim/truth", self._on_truth, _STREAM)
        self._instruction = self._node.create_publisher(String, "instruction", INSTRUCTION)
        self._reset = self._node.create_client(ResetWorld, "sim/reset")
        self._gate_reset = self._node.create_client(Trigger, "arm/reset")

    def __enter__(self) -> EpisodeDriver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        self._context.try_shutdown()

    def wait_ready(self, timeout: float = 120.0) -> None:
        """Wait until world, gate and commander have reported themselves and hear the instruction.

        Raises StackFailure, BadInput.
        """

        def missing() -> list[str]:
            found = {
                "sim/episode": "episode" in self._latest,
                "sim/reset": self._reset.service_is_ready(),
                "arm/status": "gate" in self._latest,
                "arm/reset": self._gate_reset.service_is_ready(),
            }
            if self._commanded:
                found["inspire/status READY"] = self._commander_state() in (
                    CommanderStatus.READY,
                    CommanderStatus.REFUSED,
                )
                found["a subscriber of instruction"] = self._instruction.get_subscription_count() > 0
            return [name for name, there in found.items() if not there]

        def ready() -> bool:
            status = self._latest.get("commander")
            if status is not None and status.state == CommanderStatus.ERROR:
                raise BadInput(f"{status.commander_id} refused to start: {status.reason}")
            return not missing()

        self._wait(ready, timeout, lambda: f"expected {', '.join(missing())} within {timeout:.0f} s, found none")

    def wait_heard_by(self, node_name: str, topic: str = "sim/episode", timeout: float = 15.0) -> bool:
        """Wait until a node (a recorder) subscribes to a topic; False when it does not in time.

        Raises StackFailure, BadInput.
        """
        name = self._node.resolve_topic_name(topic)
        deadline = time.monotonic() + timeout
        while not any(info.node_name == node_name for info in self._node.get_subscriptions_info_by_topic(name)):
            self._check()
            if time.monotonic() > deadline:
                return False
            self._spin(0.05)
        return True

    def run(
        self,
        spec: EpisodeSpec,
        *,
        timeout: float = 600.0,
        on_started: Callable[[str], None] = lambda instruction: None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> EpisodeResult:
        """Run one episode to its end.

        Args:
            spec: what to run. timeout: wall seconds after which the episode is given up (failure "driver_timeout").
            on_started: called with the instruction once the world is reset.
            on_progress: called on every new step or answer.

        Raises:
            BadInput: the world does not know the seed's task, split or instruction.
            StackFailure: a node died or stopped answering.
        """
        self._withdraw()
        self._call(self._gate_reset, Trigger.Request(), "arm/reset")
        self._driving = True
        self._latest.pop("episode", None)
        self._start_stamp = None
        self._places = {}  # before the reset: its first observation may overtake its answer
        started = self._call(
            self._reset,
            ResetWorld.Request(seed=spec.seed, split=spec.split, task=spec.task, instruction=spec.instruction),
            "sim/reset",
        )
        if not started.ok:
            raise BadInput(f"sim/reset: {started.message}")
        self._tally = DirectionTally()
        self._holding = Holding()
        self._latest.pop("answers", None)
        on_started(started.instruction)
        begin = time.monotonic()
        end = self._follow(started, begin + timeout, on_progress)
        wall = time.monotonic() - begin
        self._spin(_SETTLE if self._latest.get("gate") is None else 0.05)
        result = self._result(spec, started, end, wall)
        self._withdraw()
        return result

    def _follow(
        self, started: ResetWorld.Response, deadline: float, on_progress: Callable[[Progress], None]
    ) -> tuple[str, str]:
        """Give the instruction and watch until the episode ends; returns (failure, reason), both empty on success."""
        sent = 0.0
        shown: object = None
        while True:
            episode, commander = self._latest.get("episode"), self._latest.get("commander")
            if episode is not None and sent:
                if episode.state == EpisodeStatus.SUCCEEDED:
                    return "", ""
                if episode.state == EpisodeStatus.FAILED:
                    return _kind(episode.reason), episode.reason
            following = (
                commander is not None
                and commander.state == CommanderStatus.ACTING
                and commander.instruction == started.instruction
            )
            if following:  # a world that judges ends the instruction before its own status has come
                sent = time.monotonic()
            if commander is not None and sent and commander.state == CommanderStatus.REFUSED:
                return REFUSED, commander.reason
            if commander is not None and sent and commander.state in _GONE:
                return "commander_error", commander.reason or "the commander is not active any more"
            if time.monotonic() > deadline:
                return "driver_timeout", "expected the episode to end in time, found it still running; see the logs"
            if time.monotonic() - sent > _REPEAT_INSTRUCTION and not following:
                self._instruction.publish(String(data=started.instruction))
                sent = time.monotonic()
            progress = Progress(getattr(episode, "step", 0), started.max_steps, dict(self._latest.get("answers", {})))
            if progress != shown:
                on_progress(progress)
                shown = progress
            self._spin(0.1)
            self._check()

    def _withdraw(self) -> None:
        """Withdraw the instruction and wait until the commander has let go."""
        self._instruction.publish(String(data=""))
        if not self._commanded:
            return
        sent = time.monotonic()

        def released() -> bool:
            nonlocal sent
            if time.monotonic() - sent > _REPEAT_INSTRUCTION:
                self._instruction.publish(String(data=""))
                sent = time.monotonic()
            return self._commander_state() == CommanderStatus.READY

        self._wait(
            released,
            20.0,
            lambda: f"expected the commander READY after an empty instruction, found {self._describe_commander()}",
        )
        self._latest.pop("answers", None)

    def _result(
        self, spec: EpisodeSpec, started: ResetWorld.Response, end: tuple[str, str], wall: float
    ) -> EpisodeResult:
        failure, reason = end
        commander, gate, tally = self._latest.get("commander"), self._latest.get("gate"), self._tally
        places = {} if self._start_stamp is None else self._places.get(self._start_stamp, {})
        return EpisodeResult(
            seed=spec.seed, split=spec.split, task=started.task, instruction=started.instruction,
            objects=tuple(started.objects), success=not failure, failure=failure, reason=reason,
            steps=int(getattr(self._latest.get("episode"), "step", 0)), max_steps=int(started.max_steps),
            wall_s=round(wall, 3), stage=self._holding.stage(not failure), compared=tally.compared,
            right=tally.right, ties=tally.ties, directions=tally.directions, confusions=dict(tally.confusions),
            answers=tally.answers, clamps=int(gate.clamps) if gate else 0, stops=_stops(gate),
            latency_p50=float(commander.latency_p50) if commander else 0.0,
            latency_p95=float(commander.latency_p95) if commander else 0.0,
            dropped=int(commander.dropped) if commander else 0, target_start=places.get("target"),
            destination_start=places.get("destination"), wrong_object=self._holding.wrong_object,
        )  # fmt: skip

    def _store(self, name: str, message: Any) -> None:
        self._received += 1
        self._latest[name] = message

    def _on_episode(self, message: EpisodeStatus) -> None:
        self._received += 1
        # A status of the episode before may still be on its way: an end counts only after a beginning.
        if (
            message.state in (EpisodeStatus.WAITING, EpisodeStatus.RUNNING)
            or "episode" in self._latest
            or not self._driving
        ):
            self._latest["episode"] = message
            if message.step == 0:
                self._start_stamp = stamp_ns(message.header.stamp)

    def _on_answers(self, message: DirectionAnswers) -> None:
        self._received += 1
        self._latest["answers"] = {answer.object: answer.word for answer in message.answers}
        self._tally.add_answers(
            stamp_ns(message.header.stamp),
            {a.object: (a.word, self._scoring.key(a.word, int(a.axis))) for a in message.answers},
        )

    def _on_truth(self, message: SceneTruth) -> None:
        self._received += 1
        tool, _ = pose_arrays(message.tool_pose)
        truth = {}
        places: dict[str, tuple[float, float]] = {}
        for item in message.objects:
            places.setdefault(item.role, (round(item.pose.position.x, 4), round(item.pose.position.y, 4)))
            self._holding.see(item.name, item.role, item.grasped)
            if item.direction:
                truth[item.name] = self._scoring.truth(pose_arrays(item.pose)[0] - tool, item.grasped)
        self._places.setdefault(stamp_ns(message.header.stamp), places)
        self._tally.add_truth(stamp_ns(message.header.stamp), truth)

    def _commander_state(self) -> int | None:
        status = self._latest.get("commander")
        return None if status is None else int(status.state)

    def _describe_commander(self) -> str:
        status = self._latest.get("commander")
        return "no status" if status is None else f"state {status.state} ({status.reason or 'no reason'})"

    def _call(self, client: Any, request: Any, name: str, timeout: float = 60.0) -> Any:
        future = client.call_async(request)
        self._wait(future.done, timeout, lambda: f"expected an answer of {name} within {timeout:.0f} s, found none")
        return future.result()

    def _wait(self, done: Callable[[], bool], timeout: float, complaint: Callable[[], str]) -> None:
        deadline = time.monotonic() + timeout
        while not done():
            self._check()
            if time.monotonic() > deadline:
                raise StackFailure(complaint())
            self._spin(0.05)

    def _spin(self, seconds: float) -> None:
        """Handle messages for at most `seconds`, returning after the first batch."""
        self._executor.spin_once(timeout_sec=seconds)
        before = -1
        while before != self._received:  # what is already there, without waiting
            before = self._received
            self._executor.spin_once(timeout_sec=0.0)


def _stops(gate: GateStatus | None) -> dict[str, int]:
    """The gate's counts by name, without the commander letting go at the end: that is no stop of the episode."""
    return {stop.name: int(stop.count) for stop in gate.counts if stop.name != "lease_released"} if gate else {}


def _kind(reason: str) -> str:
    """The stable name at the start of a reason such as "timeout: the milk is not in the bin"."""
    words = reason.replace(":", " ").split()
    return words[0] if words else "unknown"
