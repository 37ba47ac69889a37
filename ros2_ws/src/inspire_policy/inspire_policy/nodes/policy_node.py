"""policy_node: a lifecycle node that sees, answers and acts by a bundle.

configure loads the bundle, checks it against `body`, warms the engine up and checks parity; from activate on,
instructions are followed, from the topic `instruction` or the action `inspire/execute`. A complete observation triggers
everything; the executor's thread translates messages, one more thread infers. What ends an instruction (status ERROR,
lease given back, the gate holds): an unusable observation, a camera or state that stopped, an engine that failed.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict

import cv2
from inspire_msgs.msg import DirectionAnswers
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from inspire_policy.action import ActionContract
from inspire_policy.brain import Brain
from inspire_policy.bundle import BundleError
from inspire_policy.engines.protocol import EngineError
from inspire_policy.execution import ChunkExecutor, Step
from inspire_policy.nodes.bundle_swap import BundleSwap
from inspire_policy.nodes.execute_server import ExecuteServer
from inspire_policy.nodes.grounding_server import GroundingServer
from inspire_policy.nodes.health import policy_report
from inspire_policy.nodes.narrator import Narrator
from inspire_policy.nodes.observer import Observer
from inspire_policy.nodes.parameters import declare_parameters
from inspire_policy.nodes.thinker import Request, Thinker
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job, Tick
from inspire_policy.ros.commander import Commander
from inspire_policy.ros.diagnostics import Diagnostics, Level, Report
from inspire_policy.ros.lifecycle import ConfigurableNode, started
from inspire_policy.ros.messages import to_action
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import COMMAND

COMMANDER_ID = "policy"
WATCH_PERIOD = 0.1  # s


class PolicyNode(ConfigurableNode):
    """See the module's docstring."""

    refusals = (BundleError, EngineError, ValueError)

    def __init__(self) -> None:
        super().__init__("policy")
        self._settings = declare_parameters(self)
        self.autostart = self._settings.autostart
        self._lockstep = self._settings.execution.lockstep
        self._brain: Brain | None = None
        self._execution: ChunkExecutor
        self._observer: Observer
        self._thinker: Thinker
        self._since = time.monotonic()
        self._asked: Request | None = None  # the newest one given to the engine
        self._told: tuple[str, tuple[str, ...]] = ("", ())
        self._forced: dict[str, str] = {}
        self._inferences = 0  # for the running instruction
        self._draft: dict[str, str] = {}  # the last answers to the running instruction; they seldom change
        self._commander = Commander(
            self,
            COMMANDER_ID,
            contract=ActionContract(),
            on_start=self._start,
            on_stop=self._stop,
            on_acting=self._begin,
            active=False,
        )
        self._server = ExecuteServer(self, self._commander)
        self._swap = BundleSwap(self, running=lambda: self._brain, load=self._load, exchange=self._exchange)
        self._narrator = Narrator(self, COMMANDER_ID)
        self._grounding = GroundingServer(
            self,
            running=lambda: self._brain,
            newest=self._newest,
            told=lambda: self._commander.instruction,
            show=self._narrator.show,
        )
        self._diagnostics = Diagnostics(self, self._report)
        self.create_subscription(DirectionAnswers, "inspire/override", self._on_override, COMMAND)
        self.create_timer(WATCH_PERIOD, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        cv2.setNumThreads(1)  # the images are small: a thread pool beside a simulator costs more than it gains

    # Lifecycle.

    def _configure(self) -> None:
        """Load the bundle, warm up, listen to cameras and state."""
        brain = self._load(self._settings.bundle)
        self._execution = brain.executor(**asdict(self._settings.execution))
        # In lockstep the executor counts the added latency in periods; nothing has to be waited for.
        added = 0.0 if self._lockstep else self._settings.execution.added_latency
        self._thinker = Thinker(self, self._on_result, added=added)
        self._observer = Observer(
            self,
            brain.bundle.manifest.cameras,
            self._settings.observing,
            on_observation=self._on_observation,
            on_unusable=self._unusable,
        )
        self._brain = brain
        checked = "" if self._settings.body else "; parameter body is empty, so the match with the body is not checked"
        name, samples = brain.bundle.manifest.name, brain.parity_samples
        self.get_logger().info(f"bundle {name} on {brain.engine}: {samples} parity samples agree{checked}")
        for reason in brain.refused:
            self.get_logger().warning(f"engine auto: not {reason}")

    def _load(self, bundle: str) -> Brain:
        p = self._settings
        return Brain.load(bundle, body=p.body, engine=p.engine, threads=p.threads, language_every=p.language_every)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to instructions."""
        self._commander.set_active(True)
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Drop the instruction and give the lease back: the gate holds."""
        self._commander.set_active(False)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the bundle."""
        if self._brain is not None:
            self._brain = None
            self._observer.close()
            self._thinker.close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate and forget."""
        self._commander.set_active(False)
        return self.on_cleanup(state)

    def on_stop(self) -> None:
        """The process ends: give the lease back, so that the gate holds."""
        self._commander.close()
        self._server.close()
        if self._brain is not None:
            self._thinker.close()

    # Instructions, told by the commander; answers and bundles, changed while one is followed.

    def _start(self, text: str) -> None:
        if self._brain is None:
            raise ValueError("instruction: expected a configured policy, found none; configure and activate it")
        self._told = self._brain.objects_of(text, ask=self._settings.ask_questions)
        self._forced, self._draft, self._inferences = {}, {}, 0

    def _stop(self) -> None:
        self._execution.reset()

    def _begin(self) -> None:
        self._since = time.monotonic()
        latest = self._observer.latest
        if latest is not None and (self._lockstep or self._since - latest[1] < self._settings.observing.patience):
            self._see(*latest)

    def _on_override(self, message: DirectionAnswers) -> None:
        """An operator's answers, acted on from the next inference until replaced, cleared by an empty message, or the
        end of the instruction.
        """
        if self._brain is None or not self._commander.acting:
            self.get_logger().warning("override: expected a running instruction, found none; give one first")
            return
        try:
            self._forced = self._brain.overrides([(a.object, a.word) for a in message.answers], self._told[1])
        except ValueError as error:
            self.get_logger().warning(f"{error}; the answers stay as they are")
        else:
            told = ", ".join(f"{name}: {word}" for name, word in self._forced.items())
            self.get_logger().info(f"override: {told or 'cleared'}")

    def _exchange(self, brain: Brain) -> None:
        """Go over to another brain: the chunk at hand goes on, the next one is the new brain's.

        Raises ValueError, with nothing changed, when it cannot follow the running instruction as the node is set.
        """
        told, forced = self._told, self._forced
        if self._commander.instruction:
            told = brain.objects_of(self._commander.instruction, ask=self._settings.ask_questions)
            forced = brain.overrides(forced.items(), told[1])
        manifest = brain.bundle.manifest
        self._execution.exchange(manifest.chunk_length, self._settings.execution.horizon or manifest.horizon)
        self._observer.exchange(manifest.cameras)
        self._told, self._forced, self._brain = told, forced, brain

    # Observations.

    def _on_observation(self, observation: PolicyObservation, arrived: float) -> None:
        self._commander.dropped = self._observer.dropped
        self._since = arrived
        if self._commander.acting:
            self._see(observation, arrived)

    def _newest(self) -> PolicyObservation | None:
        latest = self._observer.latest if self._brain is not None else None
        return None if latest is None else latest[0]

    def _unusable(self, reason: str) -> None:
        if self._commander.acting:
            self._commander.fail(reason)
        else:
            self.get_logger().warning(reason, throttle_duration_sec=5.0)

    def _watch(self) -> None:
        """What no observation brings up: one that is overdue, an engine that does not answer, a time that is up."""
        if not self._lockstep:
            self._server.look(self.get_clock().now().nanoseconds)
            self._watch_engine()
        patience = self._settings.observing.patience
        if self._commander.acting and time.monotonic() - self._since > patience:
            missing = ", ".join(self._observer.missing) or "cameras and arm"
            self._commander.fail(
                "observation_timeout: expected a complete observation every control period, found nothing new from "
                f"{missing} for {patience:g} s; check its driver, then give the instruction again"
            )

    def _watch_engine(self) -> None:
        """An engine that hangs leaves the commander publishing holds for ever: they keep the gate from noticing."""
        asked, timeout = self._asked, self._settings.inference_timeout
        if asked is None or not self._commander.acting or not self._execution.is_current(asked.ticket):
            return
        if time.monotonic() - asked.arrived > timeout:
            self._commander.fail(
                f"inference_timeout: expected the engine's answer within {timeout:g} s, found none; a slow machine "
                "needs a longer inference_timeout, an engine that hangs a new process"
            )

    def _see(self, observation: PolicyObservation, arrived: float) -> None:
        if self._lockstep:  # the stamp of the observation is all the time there is
            self._server.look(observation.stamp)
            if not self._commander.acting:
                return
        assert self._brain is not None
        decision = self._execution.observe(observation.stamp, observation.opening)
        if decision.repeat:
            if decision.step is not None:
                self._commander.repeat()
            return
        if decision.ticket is not None:
            generation = decision.ticket.generation
            job = Job(observation, *self._told, self._forced, self._draft, generation, self._inferences)
            self._inferences += 1
            self._asked = Request(decision.ticket, self._brain, job, arrived)
            self._thinker.submit(self._asked)
        if decision.step is not None:
            self._act(decision.step)

    # Results.

    def _on_result(self, request: Request, result: Tick | Exception) -> None:
        """Take over a chunk, unless it is not wanted any more."""
        if not self._execution.is_current(request.ticket):
            return
        if isinstance(result, Exception):
            self._commander.fail(f"inference: {type(result).__name__}: {result}")
            return
        self._draft = {answer.object: answer.word for answer in result.answers}
        step = self._execution.deliver(request.ticket, result.leads)
        if step is not None:
            self._act(step)
        latency = time.monotonic() - request.arrived
        self._commander.ticks += 1
        self._commander.latencies.add(latency)
        answers = self._narrator.tell(request.job, result, request.brain.bundle.manifest, self._execution.chunk)
        self._server.tell(answers, latency)

    def _act(self, step: Step) -> None:
        assert self._brain is not None
        self._commander.act(
            to_action(
                step.lead,
                self._brain.bundle.manifest.contract,
                stamp=step.stamp,
                observation_stamp=step.observation_stamp,
                commander_id=COMMANDER_ID,
                chunk_id=step.chunk_id,
                index=step.index,
            )
        )

    def _report(self) -> Report:
        """For `/diagnostics`."""
        if self._brain is None:
            return Report(level=Level.STALE, message="not configured")
        return policy_report(
            self._commander,
            self._brain,
            self._execution,
            self._observer,
            passes=self._thinker.passes_per_inference,
            lockstep=self._lockstep,
            now=self.get_clock().now().nanoseconds,
            steady=time.monotonic(),
        )


def main() -> None:
    """Entry point of `policy_node`."""
    sys.exit(run_node(lambda: started(PolicyNode)))


if __name__ == "__main__":
    main()
