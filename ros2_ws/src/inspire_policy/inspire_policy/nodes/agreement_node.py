"""agreement_node: compares each answer with the arm's motion and, where they are measured, with objects' positions.

Publishes `inspire/agreement`, one message per answer, `window` seconds after the observation. Persistent disagreement
is warned of, and by parameter stops the arm through `arm/stop`, which only `arm/reset` ends.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, fields

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from inspire_msgs.msg import Agreement, DirectionAnswers
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_srvs.srv import Trigger

from inspire_policy.agreement import AgreementMonitor, AgreementSettings, Answer, State, Verdict
from inspire_policy.ros.diagnostics import Diagnostics, Level, Report
from inspire_policy.ros.messages import pose_arrays, stamp_ns, to_stamp
from inspire_policy.ros.parameters import declare
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import LATCHED, STATE
from inspire_policy.ros.services import StandingRequest

WARN, STOP = "warn", "stop"
_SEVERAL = QoSProfile(depth=20)  # objects and answers come several at once
_DESCRIBED = {
    "window": (0.1, 2.0, "Seconds after an observation over which the arm's motion is measured."),
    "least_motion": (0.001, 0.5, "Way within the window below which the arm counts as still, m."),
    "motion_threshold": (-1.0, 1.0, "The motion disagrees where the cosine of it and the answer's axis is below."),
    "least_distance": (0.001, 0.5, "Distance of an object below which its direction says nothing, m."),
    "geometry_threshold": (
        -1.0,
        1.0,
        "The scene disagrees where the cosine of the measured way to the object and the answer's axis is below; a "
        "right answer has 0.577 or more.",
    ),
    "grasp_reach": (0.01, 1.0, "Distance from the tool within which the origin of a grasped object is measured, m."),
    "position_age": (0.01, 2.0, "Seconds that an object's measured position may lie from the observation."),
    "persistence": (0.1, 60.0, "Seconds of disagreement, less those of agreement, that are persistent."),
    "taken_back": (
        0,
        1000,
        "How often an object may be said to be grasped and then not to be, before that is a persistent disagreement.",
    ),
}


class AgreementNode(Node):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("agreement")
        standard = asdict(AgreementSettings())
        values = {
            field.name: declare(self, field.name, standard[field.name], text, low=low, high=high)
            for field in fields(AgreementSettings)
            for low, high, text in [_DESCRIBED[field.name]]
        }
        self._stops = (
            declare(
                self,
                "on_disagreement",
                WARN,
                "What persistent disagreement comes to: warn, or stop (arm/stop, a fault until arm/reset).",
                choices=(WARN, STOP),
            )
            == STOP
        )
        self._monitor = AgreementMonitor(AgreementSettings(**values))
        self._frame = self._instruction = ""
        self._newest: tuple[Verdict, ...] = ()
        self._publisher = self.create_publisher(Agreement, "inspire/agreement", _SEVERAL)
        self._stop = StandingRequest(self, Trigger, "arm/stop")
        self.create_subscription(DirectionAnswers, "inspire/answers", self._on_answers, LATCHED)
        self.create_subscription(PoseStamped, "arm/state_pose", self._on_pose, STATE)
        self.create_subscription(TransformStamped, "inspire/object_positions", self._on_object, _SEVERAL)
        Diagnostics(self, self._report)

    def _on_answers(self, message: DirectionAnswers) -> None:
        if message.instruction != self._instruction:
            self._instruction = message.instruction
            self._monitor.forget()
        self._frame = message.header.frame_id
        answers = [Answer(answer.object, answer.word, answer.axis) for answer in message.answers]
        self._monitor.put_answers(stamp_ns(message.header.stamp), answers)

    def _on_pose(self, message: PoseStamped) -> None:
        if not self._in_frame("arm/state_pose", message.header.frame_id):
            return
        position, _ = pose_arrays(message.pose)
        warned = self._monitor.warned
        verdicts = self._monitor.put_pose(stamp_ns(message.header.stamp), position)
        for verdict in verdicts:
            self._publisher.publish(self._message(verdict))
        self._newest = tuple(verdicts) or self._newest
        if self._monitor.warned and not warned:
            self._warn(next(verdict for verdict in verdicts if verdict.state is State.PERSISTENT))

    def _on_object(self, message: TransformStamped) -> None:
        """A detector's: child_frame_id is the object as named in the instruction."""
        if self._in_frame("inspire/object_positions", message.header.frame_id):
            place = message.transform.translation
            stamp = stamp_ns(message.header.stamp)
            self._monitor.put_object(stamp, message.child_frame_id, np.array([place.x, place.y, place.z]))

    def _in_frame(self, topic: str, frame: str) -> bool:
        if self._frame and frame != self._frame:
            self.get_logger().warning(
                f"{topic}: expected the frame of the answers, {self._frame!r}, found {frame!r}; not compared",
                throttle_duration_sec=5.0,
            )
        return frame == self._frame

    def _warn(self, verdict: Verdict) -> None:
        answer = verdict.answer
        text = (
            f"persistent disagreement: the answer for the {answer.object} is {answer.word}; cosine with the arm's "
            f"motion {verdict.motion_cosine:.2f}, with the way to the object {verdict.geometry_cosine:.2f}; "
            f"grasped was taken back {verdict.taken_back} times"
        )
        if not self._stops:
            self.get_logger().warning(f"{text}; watch it, or stop it (arm/stop)")
            return
        self.get_logger().error(f"{text}; arm/stop is called")
        self._stop.make(Trigger.Request())

    def _message(self, verdict: Verdict) -> Agreement:
        answer = verdict.answer
        message = Agreement(
            object=answer.object,
            word=answer.word,
            axis=answer.axis,
            motion_cosine=verdict.motion_cosine,
            geometry_cosine=verdict.geometry_cosine,
            state=verdict.state.value,
        )
        message.header.stamp = to_stamp(verdict.stamp)
        message.header.frame_id = self._frame
        return message

    def _report(self) -> Report:
        values = {f"{v.answer.object}_evidence_s": round(v.evidence, 3) for v in self._newest}
        if self._monitor.warned:
            return Report(level=Level.WARN, message="persistent disagreement", values=values)
        return Report(message="compared" if values else "nothing to compare yet", values=values)


def main() -> None:
    """Entry point of `agreement_node`."""
    sys.exit(run_node(AgreementNode))


if __name__ == "__main__":
    main()
