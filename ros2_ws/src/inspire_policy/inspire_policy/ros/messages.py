"""Conversions between messages and the core's types: stamps in int nanoseconds, poses and images as arrays, leads.

A message that does not hold what it claims raises MessageError ("expected X, found Y"); whether the numbers are finite
is for the receiver to judge.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, Vector3
from inspire_msgs.msg import DirectionAnswer, DirectionAnswers, EndEffectorAction
from sensor_msgs.msg import CameraInfo, Image, JointState

from inspire_policy.action import ActionContract, Lead
from inspire_policy.directions import DirectionWords

NANOSECONDS = 1_000_000_000
GRIPPER_NAME = "gripper_opening"


class MessageError(ValueError):
    """A message does not hold what it should; the text says what was expected and what was found."""


class AnswerLike(Protocol):
    """One answer: object as named, word, signed axis (0 grasped, NO_AXIS in modes that name none), probabilities in the
    vocabulary's order.
    """

    @property
    def object(self) -> str: ...
    @property
    def word(self) -> str: ...
    @property
    def axis(self) -> int: ...
    @property
    def probabilities(self) -> Sequence[float]: ...


def stamp_ns(stamp: Time) -> int:
    """A message stamp as int nanoseconds."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def to_stamp(nanoseconds: int) -> Time:
    """Int nanoseconds as a message stamp."""
    sec, nanosec = divmod(int(nanoseconds), NANOSECONDS)
    return Time(sec=sec, nanosec=nanosec)


def duration_ns(duration: Duration) -> int:
    """A message's duration as int nanoseconds; may be negative."""
    return int(duration.sec) * NANOSECONDS + int(duration.nanosec)


def pose_arrays(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) m and quaternion (4,) x, y, z, w of a pose."""
    p, q = pose.position, pose.orientation
    return np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w])


def to_pose(position: np.ndarray, quaternion: np.ndarray) -> Pose:
    """A pose of a position (3,) m and a quaternion (4,) x, y, z, w; the numbers pass through bit for bit."""
    x, y, z = (float(v) for v in position)
    qx, qy, qz, qw = (float(v) for v in quaternion)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def to_pose_stamped(position: np.ndarray, quaternion: np.ndarray, stamp: int, frame: str) -> PoseStamped:
    """A stamped pose (metres; x, y, z, w) at `stamp` nanoseconds in `frame`."""
    message = PoseStamped(pose=to_pose(position, quaternion))
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = frame
    return message


def gripper_opening(message: JointState) -> float:
    """The opening, 0 closed .. 1 open, of a gripper state or target."""
    if GRIPPER_NAME not in message.name or len(message.position) != len(message.name):
        raise MessageError(
            f"gripper: expected a joint named {GRIPPER_NAME} with one position, "
            f"found names {list(message.name)} and {len(message.position)} positions"
        )
    return float(message.position[list(message.name).index(GRIPPER_NAME)])


def to_gripper(opening: float, stamp: int, frame: str = "") -> JointState:
    """A gripper state or target: opening 0 closed .. 1 open at `stamp` nanoseconds."""
    message = JointState(name=[GRIPPER_NAME], position=[float(opening)])
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = frame
    return message


def rgb_view(message: Image) -> np.ndarray:
    """The pixels of an rgb8 or bgr8 image as RGB uint8 (height, width, 3): a view of the message, no copy."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    if message.encoding not in ("rgb8", "bgr8"):
        raise MessageError(f"image: expected encoding rgb8 or bgr8, found {message.encoding!r}")
    if height < 1 or width < 1:
        raise MessageError(f"image: expected at least 1x1 pixels, found {width}x{height}")
    if step < 3 * width:
        raise MessageError(f"image: expected step >= {3 * width} bytes for width {width}, found {step}")
    data = np.frombuffer(message.data, dtype=np.uint8)
    if data.size != step * height:
        raise MessageError(f"image: expected {step * height} bytes ({height} rows of {step}), found {data.size}")
    pixels = data.reshape(height, step)[:, : 3 * width].reshape(height, width, 3)
    return pixels if message.encoding == "rgb8" else pixels[:, :, ::-1]


def to_rgb_image(rgb: np.ndarray, stamp: int, frame: str) -> Image:
    """An rgb8 image of RGB uint8 (height, width, 3), taken at `stamp` nanoseconds in the optical frame `frame`."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise MessageError(f"image: expected uint8 of shape (height, width, 3), found {rgb.dtype} of shape {rgb.shape}")
    height, width, _ = rgb.shape
    # One memcpy; the setter would check every element of anything but an array of type B.
    data = array("B")
    data.frombytes(np.ascontiguousarray(rgb).data.cast("B"))
    message = Image(height=height, width=width, encoding="rgb8", is_bigendian=0, step=3 * width)
    message.data = data
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = frame
    return message


def to_camera_info(*, width: int, height: int, focal: float, stamp: int, frame: str) -> CameraInfo:
    """The camera info of an ideal pinhole camera: focal length in pixels, centre in the middle of the image."""
    cx, cy = width / 2.0, height / 2.0
    message = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5)
    message.k = [focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal, 0.0, cx, 0.0, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = frame
    return message


def lead_of(message: EndEffectorAction) -> Lead:
    """The lead of an action; its numbers may be non-finite (see `Lead.finite`)."""
    t, r = message.translation_lead, message.rotation_lead
    return Lead(np.array([t.x, t.y, t.z]), np.array([r.x, r.y, r.z]), message.gripper_opening)


def to_action(
    lead: Lead,
    contract: ActionContract,
    *,
    stamp: int,
    observation_stamp: int,
    commander_id: str,
    chunk_id: int = 0,
    index: int = 0,
) -> EndEffectorAction:
    """An action that applies at `stamp`, computed from the observation at `observation_stamp` (both nanoseconds)."""
    message = EndEffectorAction(
        observation_stamp=to_stamp(observation_stamp),
        commander_id=commander_id,
        chunk_id=int(chunk_id),
        index=int(index),
        tool_frame=contract.tool_frame,
        gripper_opening=lead.opening,
    )
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = contract.frame
    message.translation_lead = Vector3(**dict(zip("xyz", map(float, lead.translation))))
    message.rotation_lead = Vector3(**dict(zip("xyz", map(float, lead.rotation))))
    return message


def to_answers(
    answers: Sequence[AnswerLike],
    words: DirectionWords,
    *,
    instruction: str,
    stamp: int,
    source: int = DirectionAnswer.MODEL,
    overridden: Collection[str] = (),
    listed: Sequence[str] | None = None,
) -> DirectionAnswers:
    """The answers to one instruction, in order of mention, from the observation at `stamp` nanoseconds.

    `overridden`: objects whose answer an operator gave. `listed`: the answers of the question mode, where they are not
    the direction words.
    """
    message = DirectionAnswers(instruction=instruction, words=list(words.words if listed is None else listed))
    message.header.stamp = to_stamp(stamp)
    message.header.frame_id = words.frame
    message.answers = [
        DirectionAnswer(
            object=answer.object,
            word=answer.word,
            axis=int(answer.axis),
            probabilities=[float(p) for p in answer.probabilities],
            source=DirectionAnswer.OVERRIDE if answer.object in overridden else source,
        )
        for answer in answers
    ]
    return message
