"""What people and recorders are told of each inference: answers, chunk and overlay."""

from __future__ import annotations

from collections.abc import Sequence

from inspire_msgs.msg import ActionChunk, DirectionAnswers
from rclpy.node import Node
from sensor_msgs.msg import Image

from inspire_policy.execution import Step
from inspire_policy.manifest import Manifest
from inspire_policy.overlay import Mark, draw_overlay
from inspire_policy.programs.base import Job, Tick
from inspire_policy.ros.messages import to_action, to_answers, to_rgb_image, to_stamp
from inspire_policy.ros.qos import COMMAND, IMAGE, LATCHED

MARKS_SHOWN = 2_000_000_000  # ns of observations; the scene moves on, and marks with nothing to move them


class Narrator:
    """Publishes `inspire/answers`, `inspire/action_chunk` and, where somebody looks, `inspire/overlay`."""

    def __init__(self, node: Node, commander_id: str) -> None:
        self._commander_id = commander_id
        self._answers = node.create_publisher(DirectionAnswers, "inspire/answers", LATCHED)
        self._chunks = node.create_publisher(ActionChunk, "inspire/action_chunk", COMMAND)
        self._overlays = node.create_publisher(Image, "inspire/overlay", IMAGE)
        self._marks: tuple[int, Sequence[Mark]] = (0, ())

    def show(self, stamp: int, marks: Sequence[Mark]) -> None:
        """Draw what was found in the observation at `stamp` ns on the overlays to come, for MARKS_SHOWN."""
        self._marks = stamp, marks

    def tell(self, job: Job, tick: Tick, manifest: Manifest, chunk: Sequence[Step]) -> DirectionAnswers:
        """Publish an inference and return its answers.

        Args:
            job, tick: what was asked and answered. manifest: of the bundle that answered. chunk: what is made of it.
        """
        words = manifest.words.vocabulary
        stamp = job.observation.stamp
        overridden = [answer.object for answer in tick.answers if answer.forced]
        answers = to_answers(
            tick.answers,
            words,
            instruction=job.instruction,
            stamp=stamp,
            overridden=overridden,
            listed=manifest.listed_answers,
        )
        self._answers.publish(answers)
        self._chunks.publish(self._chunk(stamp, manifest, chunk))
        if self._overlays.get_subscription_count():
            since, marks = self._marks
            shown = marks if 0 <= stamp - since <= MARKS_SHOWN else ()
            picture = draw_overlay(
                job.observation.images,
                job.instruction,
                manifest.listed_answers,
                tick.answers,
                marks=shown,
                question_mode=manifest.question_mode,
            )
            self._overlays.publish(to_rgb_image(picture, stamp, ""))
        return answers

    def _chunk(self, stamp: int, manifest: Manifest, steps: Sequence[Step]) -> ActionChunk:
        contract = manifest.contract
        chunk = ActionChunk(chunk_id=steps[0].chunk_id, control_rate_hz=contract.control_rate_hz)
        chunk.header.stamp = to_stamp(stamp)
        chunk.header.frame_id = contract.frame
        chunk.actions = [
            to_action(
                step.lead,
                contract,
                stamp=step.stamp,
                observation_stamp=stamp,
                commander_id=self._commander_id,
                chunk_id=step.chunk_id,
                index=step.index,
            )
            for step in steps
        ]
        return chunk
