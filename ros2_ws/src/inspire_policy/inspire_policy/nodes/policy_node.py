"""policy_node: a lifecycle node that sees, answers and acts by a bundle.

configure loads the bundle, checks it against `body`, warms the engine up and checks parity; from activate on,
instructions are followed. A complete observation triggers everything; the executor's thread translates messages, one
more thread infers. What ends an instruction (status ERROR, lease given back, the gate holds): an unusable observation,
a camera or state that stopped, an engine that failed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

import cv2
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import ActionChunk, DirectionAnswers
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image, JointState

from inspire_policy.action import ActionContract
from inspire_policy.brain import Brain, Job
from inspire_policy.bundle import BundleError
from inspire_policy.engines.protocol import ENGINES, EngineError
from inspire_policy.execution import ChunkExecutor, Step, Ticket
from inspire_policy.images import ImageGeometry
from inspire_policy.inference import InferenceThread
from inspire_policy.observations import ObservationError, ObservationSet, PolicyObservation
from inspire_policy.overlay import draw_overlay
from inspire_policy.programs.base import Tick
from inspire_policy.ros.commander import Commander
from inspire_policy.ros.lifecycle import ConfigurableNode, started
from inspire_policy.ros.messages import (
    MessageError,
    gripper_opening,
    pose_arrays,
    rgb_view,
    stamp_ns,
    to_action,
    to_answers,
    to_rgb_image,
    to_stamp,
)
from inspire_policy.ros.parameters import declare
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import COMMAND, IMAGE, LATCHED, STATE

COMMANDER_ID = "policy"
MODES = ("lockstep", "realtime")
LOCKSTEP_PATIENCE = 10.0  # s: a slow simulator is no fault; shorter than the world's own lockstep_timeout

Request = tuple[Ticket, Job, float]  # what to compute, from what, and when that arrived (monotonic s)


class PolicyNode(ConfigurableNode):
    """See the module's docstring."""

    refusals = (BundleError, EngineError, ValueError)

    def __init__(self) -> None:
        super().__init__("policy")
        self._bundle_name = declare(
            self, "bundle", "tabletop", "Name of a shipped bundle, or path of a bundle's folder."
        )
        self._body = declare(self, "body", "", "World or robot that the bundle must have been made for; empty: any.")
        self._engine = declare(self, "engine", ENGINES[0], "What runs the graphs.", choices=ENGINES)
        self._threads = declare(self, "threads", 1, "CPU threads of one inference.", low=1, high=64)
        mode = declare(
            self, "mode", MODES[0], "Who sets the pace: lockstep (the world waits) or realtime.", choices=MODES
        )
        self._horizon = declare(
            self, "horizon", 0, "Actions executed of each chunk; 0: as the bundle says.", low=0, high=255
        )
        self._ask = declare(
            self, "ask_questions", True, "Ask about the objects named; false: act without answers (experiments)."
        )
        patience = declare(
            self,
            "observation_timeout",
            0.5,
            "Seconds without a complete observation after which an instruction ends in realtime.",
            low=0.1,
            high=60.0,
        )
        self._image_tolerance = declare(
            self,
            "image_tolerance",
            0.02,
            "Seconds that the images of one observation may lie apart in realtime; about half a camera's period.",
            low=0.0,
            high=1.0,
        )
        self._state_tolerance = declare(
            self,
            "state_tolerance",
            0.04,
            "Seconds that pose and gripper may lie apart from the images in realtime; less than a control period.",
            low=0.0,
            high=1.0,
        )
        self.autostart = declare(
            self, "autostart", False, "Configure and activate at start: true in simulation, false on robots."
        )
        self._lockstep = mode == "lockstep"
        self._patience = LOCKSTEP_PATIENCE if self._lockstep else patience
        self._brain: Brain | None = None
        self._execution: ChunkExecutor
        self._parts: ObservationSet
        self._thread: InferenceThread[Request, Tick]
        self._inputs: list[Subscription] = []
        self._latest: tuple[PolicyObservation, float] | None = None
        self._since = time.monotonic()
        self._told: tuple[str, tuple[str, ...]] = ("", ())
        self._forced: dict[str, str] = {}
        self._commander = Commander(
            self,
            COMMANDER_ID,
            contract=ActionContract(),
            on_start=self._start,
            on_stop=self._stop,
            on_acting=self._begin,
            active=False,
        )
        self._answers = self.create_publisher(DirectionAnswers, "inspire/answers", LATCHED)
        self._chunks = self.create_publisher(ActionChunk, "inspire/action_chunk", COMMAND)
        self._overlays = self.create_publisher(Image, "inspire/overlay", IMAGE)
        self.create_subscription(DirectionAnswers, "inspire/override", self._on_override, COMMAND)
        self.create_timer(0.1, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        cv2.setNumThreads(1)  # the images are small: a thread pool beside a simulator costs more than it gains

    # Lifecycle.

    def _configure(self) -> None:
        """Load the bundle, warm up, listen to cameras and state."""
        brain = Brain.load(self._bundle_name, body=self._body, engine=self._engine, threads=self._threads)
        self._execution = brain.executor(horizon=self._horizon, lockstep=self._lockstep)
        manifest = brain.bundle.manifest
        self._parts = self._collector(manifest.cameras)
        self._thread = InferenceThread(lambda request: brain.think(request[1]), self._wake)
        for camera in manifest.cameras:
            topic = f"camera/{camera}/color/image_raw"
            self._inputs.append(self.create_subscription(Image, topic, self._image_reader(camera), IMAGE))
        self._inputs.append(self.create_subscription(PoseStamped, "arm/state_pose", self._on_pose, STATE))
        self._inputs.append(self.create_subscription(JointState, "arm/gripper_state", self._on_gripper, STATE))
        self._brain = brain
        checked = "" if self._body else "; parameter body is empty, so the match with the body is not checked"
        self.get_logger().info(f"bundle {manifest.name}: {brain.parity_samples} parity samples agree{checked}")

    def _collector(self, cameras: Mapping[str, ImageGeometry]) -> ObservationSet:
        if self._lockstep:
            return ObservationSet(cameras)
        return ObservationSet.of_separate_sensors(
            cameras, image_tolerance=self._image_tolerance, state_tolerance=self._state_tolerance
        )

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
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs.clear()
        self._latest = None
        if self._brain is not None:
            self._brain = None
            self._thread.close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate and forget."""
        self._commander.set_active(False)
        return self.on_cleanup(state)

    def on_stop(self) -> None:
        """The process ends: give the lease back, so that the gate holds."""
        self._commander.close()
        if self._brain is not None:
            self._thread.close()

    # Instructions, told by the commander.

    def _start(self, text: str) -> None:
        if self._brain is None:
            raise ValueError("instruction: expected a configured policy, found none; configure and activate it")
        self._told = self._brain.objects_of(text, ask=self._ask)
        self._forced = {}

    def _stop(self) -> None:
        self._execution.reset()

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

    def _begin(self) -> None:
        self._since = time.monotonic()
        if self._latest is not None and (self._lockstep or self._since - self._latest[1] < self._patience):
            self._see(*self._latest)

    # Observations.

    def _image_reader(self, camera: str) -> Callable[[Image], None]:
        def read(message: Image) -> None:
            self._read(
                "bad_image", lambda: self._parts.put_image(camera, stamp_ns(message.header.stamp), rgb_view(message))
            )

        return read

    def _on_pose(self, message: PoseStamped) -> None:
        self._read("bad_pose", lambda: self._parts.put_pose(stamp_ns(message.header.stamp), *pose_arrays(message.pose)))

    def _on_gripper(self, message: JointState) -> None:
        self._read(
            "bad_gripper", lambda: self._parts.put_gripper(stamp_ns(message.header.stamp), gripper_opening(message))
        )

    def _read(self, name: str, put: Callable[[], PolicyObservation | None]) -> None:
        arrived = time.monotonic()
        try:
            observation = put()
        except ObservationError as error:
            self._unusable(str(error))
        except MessageError as error:
            self._unusable(str(self._parts.refused(name, str(error))))
        else:
            self._commander.dropped = self._parts.dropped
            if observation is not None:
                self._latest = (observation, arrived)
                self._since = arrived
                if self._commander.acting:
                    self._see(observation, arrived)

    def _unusable(self, reason: str) -> None:
        if self._commander.acting:
            self._commander.fail(reason)
        else:
            self.get_logger().warning(reason, throttle_duration_sec=5.0)

    def _watch(self) -> None:
        """Nothing complete for too long: say what is missing."""
        if self._commander.acting and time.monotonic() - self._since > self._patience:
            missing = ", ".join(self._parts.missing) or "cameras and arm"
            self._commander.fail(
                "observation_timeout: expected a complete observation every control period, found nothing new from "
                f"{missing} "
                f"for {self._patience:g} s; check its driver, then give the instruction again"
            )

    def _see(self, observation: PolicyObservation, arrived: float) -> None:
        decision = self._execution.observe(observation.stamp)
        if decision.repeat:
            if decision.step is not None:
                self._commander.repeat()
            return
        if decision.ticket is not None:
            self._thread.submit((decision.ticket, Job(observation, *self._told, self._forced), arrived))
        if decision.step is not None:
            self._act(decision.step)

    # Results.

    def _wake(self) -> None:
        """Let the executor's thread collect; called by the inference thread."""
        if self.executor is not None:
            self.executor.create_task(self._collect)

    def _collect(self) -> None:
        """Fetch what the inference thread has done; runs on the executor's thread."""
        while self._brain is not None and (fetched := self._thread.fetch()) is not None:
            (ticket, job, arrived), result = fetched
            if not self._execution.is_current(ticket):
                continue
            if isinstance(result, Exception):
                self._commander.fail(f"inference: {type(result).__name__}: {result}")
                continue
            step = self._execution.deliver(ticket, result.leads)
            if step is not None:
                self._act(step)
            self._commander.ticks += 1
            self._commander.latencies.add(time.monotonic() - arrived)
            self._tell(job, result)

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

    def _tell(self, job: Job, tick: Tick) -> None:
        """Answers, chunk and overlay, for people and recorders."""
        assert self._brain is not None
        manifest = self._brain.bundle.manifest
        words = manifest.words.vocabulary
        stamp = job.observation.stamp
        overridden = [answer.object for answer in tick.answers if answer.forced]
        self._answers.publish(
            to_answers(tick.answers, words, instruction=job.instruction, stamp=stamp, overridden=overridden)
        )
        chunk = ActionChunk(chunk_id=self._execution.chunk_id, control_rate_hz=manifest.contract.control_rate_hz)
        chunk.header.stamp = to_stamp(stamp)
        chunk.header.frame_id = manifest.contract.frame
        chunk.actions = [
            to_action(
                step.lead,
                manifest.contract,
                stamp=step.stamp,
                observation_stamp=stamp,
                commander_id=COMMANDER_ID,
                chunk_id=step.chunk_id,
                index=step.index,
            )
            for step in self._execution.chunk
        ]
        self._chunks.publish(chunk)
        if self._overlays.get_subscription_count():
            picture = draw_overlay(job.observation.images, job.instruction, words.words, tick.answers)
            self._overlays.publish(to_rgb_image(picture, stamp, ""))


def main() -> None:
    """Entry point of `policy_node`."""
    sys.exit(run_node(lambda: started(PolicyNode)))


if __name__ == "__main__":
    main()
