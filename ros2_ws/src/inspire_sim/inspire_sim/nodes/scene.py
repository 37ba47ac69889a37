"""The privileged state as messages, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Point
from inspire_msgs.msg import DirectionAnswer, DirectionAnswers, ObjectTruth, SceneTruth

from inspire_policy.directions import REP103
from inspire_policy.ros.messages import pose_arrays, to_answers, to_pose, to_stamp
from inspire_sim.worlds.base import ObjectState, Truth


@dataclass(frozen=True)
class TrueAnswer:
    """A direction answer that is known, not guessed."""

    object: str
    word: str

    @property
    def axis(self) -> int:
        """Signed axis of the word, 0 for grasped."""
        return REP103.axis_of[self.word]

    @property
    def probabilities(self) -> Sequence[float]:
        """None: the simulator does not guess."""
        return ()


def to_scene_truth(truth: Truth, *, instruction: str, named: Sequence[str], stamp: int, frame: str) -> SceneTruth:
    """The message of a truth at `stamp` ns; directions of the named objects only, as nobody is asked about the
    others.
    """
    message = SceneTruth(instruction=instruction, gripper_opening=float(truth.gripper_opening))
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = frame
    message.tool_pose = to_pose(truth.tool_position, truth.tool_quaternion)
    message.objects = [
        ObjectTruth(
            name=state.name,
            role=state.role,
            pose=to_pose(state.position, state.quaternion),
            anchor=Point(**dict(zip("xyz", map(float, state.anchor), strict=True))),
            grasp_yaw=float(state.grasp_yaw),
            grasped=bool(state.grasped),
            direction=state.direction if state.name in named else "",
        )
        for state in truth.objects
    ]
    return message


def truth_of(message: SceneTruth) -> Truth:
    """The truth of a message; boxes and points do not travel."""
    position, quaternion = pose_arrays(message.tool_pose)
    objects = tuple(
        ObjectState(
            name=state.name,
            role=state.role,
            position=pose_arrays(state.pose)[0],
            quaternion=pose_arrays(state.pose)[1],
            anchor=np.array([state.anchor.x, state.anchor.y, state.anchor.z]),
            grasp_yaw=state.grasp_yaw,
            grasped=state.grasped,
            direction=state.direction,
        )
        for state in message.objects
    )
    return Truth(objects, position, quaternion, message.gripper_opening)


def true_answers(truth: Truth, *, named: Sequence[str], instruction: str, stamp: int) -> DirectionAnswers:
    """The true answers about the named objects, in that order."""
    words = {state.name: state.direction for state in truth.objects}
    answers = [TrueAnswer(name, words[name]) for name in named if words.get(name)]
    return to_answers(answers, REP103, instruction=instruction, stamp=stamp, source=DirectionAnswer.TRUTH)
