"""Why an action is refused (content, sender, age) and why a measured pose is (content, age, plausibility).

Each check yields (name, expected and found) or None.
"""

from __future__ import annotations

import math

from inspire_arm import reasons
from inspire_arm.envelope import Envelope
from inspire_arm.motion import Action, Pose
from inspire_policy.action import ActionContract

Refusal = tuple[str, str]
MAX_REACH = 100.0  # m, no arm is longer; numbers beyond would overflow somewhere
JUMP_DISTANCE = 0.02  # m, noise between two poses
JUMP_ANGLE = 0.1  # rad


def content(action: Action, contract: ActionContract) -> Refusal | None:
    """Whether the numbers are finite and the frames are the arm's."""
    if not action.lead.finite:
        return reasons.NON_FINITE_ACTION, f"expected finite numbers, found {action.lead}"
    if action.frame != contract.frame:
        return reasons.WRONG_FRAME, f"expected leads in {contract.frame}, found {action.frame or '(empty)'}"
    if action.tool_frame != contract.tool_frame:
        return (
            reasons.WRONG_TOOL_FRAME,
            f"expected leads of {contract.tool_frame}, found {action.tool_frame or '(empty)'}",
        )
    return None


def sender(action: Action, holder: str) -> Refusal | None:
    """Whether the sender holds the lease."""
    if not holder:
        return (
            reasons.NO_LEASE,
            f"expected a lease, found none: {action.commander_id or '(empty)'} must call arm/acquire first",
        )
    if action.commander_id != holder:
        return reasons.WRONG_COMMANDER, f"expected actions of {holder}, found {action.commander_id or '(empty)'}"
    return None


def observation_age(action: Action, envelope: Envelope, *, now: int) -> Refusal | None:
    """Whether the observation behind an action is young enough at `now` nanoseconds."""
    age = (now - action.observation_stamp) * 1e-9
    if age > envelope.max_observation_age:
        return (
            reasons.STALE_OBSERVATION,
            f"expected an observation at most {envelope.max_observation_age:g} s old, found {age:.3f} s",
        )
    if age < -envelope.max_action_age:
        return (
            reasons.FUTURE_OBSERVATION,
            f"expected an observation at most {envelope.max_action_age:g} s ahead, found {-age:.3f} s",
        )
    return None


def action_age(action: Action, envelope: Envelope, *, now: int) -> Refusal | None:
    """Whether an action applies at `now` nanoseconds, give or take the envelope's action age."""
    age = (now - action.stamp) * 1e-9
    if age > envelope.max_action_age:
        return reasons.STALE_ACTION, f"expected an action at most {envelope.max_action_age:g} s old, found {age:.3f} s"
    if age < -envelope.max_action_age:
        return (
            reasons.FUTURE_ACTION,
            f"expected an action at most {envelope.max_action_age:g} s ahead, found {-age:.3f} s",
        )
    return None


def pose_age(pose: Pose | None, envelope: Envelope, *, now: int) -> Refusal | None:
    """Whether the measured pose is there and young enough at `now` nanoseconds."""
    if pose is None:
        return reasons.NO_POSE, "expected a measured pose on arm/state_pose, found none yet"
    age = abs(now - pose.stamp) * 1e-9
    if age > envelope.max_pose_age:
        return (
            reasons.STALE_POSE,
            f"expected a measured pose at most {envelope.max_pose_age:g} s old, found {age:.3f} s",
        )
    return None


def pose_silence(heard: int | None, envelope: Envelope, *, steady: int) -> Refusal | None:
    """Whether a newer pose was heard lately: `heard` and `steady` are nanoseconds of the steady clock."""
    silence = math.inf if heard is None else (steady - heard) * 1e-9
    if silence > envelope.max_pose_silence:
        return (
            reasons.POSE_SILENCE,
            f"expected a newer measured pose every {envelope.max_pose_silence:g} s, found none for {silence:.3f} s",
        )
    return None


def pose_jump(pose: Pose, before: Pose, envelope: Envelope) -> Refusal | None:
    """Whether the arm can have come from one measured pose to a later one; noise is allowed for."""
    seconds = max((pose.stamp - before.stamp) * 1e-9, 0.0)
    distance = math.dist(pose.position.tolist(), before.position.tolist())
    if distance > envelope.max_measured_speed * seconds + JUMP_DISTANCE:
        return (
            reasons.IMPLAUSIBLE_POSE,
            f"expected a tool no faster than {envelope.max_measured_speed:g} m/s, found {distance:.3f} m "
            f"in {seconds:.3f} s",
        )
    cosine = min(abs(float(pose.quaternion @ before.quaternion)), 1.0)
    angle = 2.0 * math.acos(cosine)
    if angle > envelope.max_measured_turn * seconds + JUMP_ANGLE:
        return (
            reasons.IMPLAUSIBLE_POSE,
            f"expected a tool no faster than {envelope.max_measured_turn:g} rad/s, found {angle:.3f} rad "
            f"in {seconds:.3f} s",
        )
    return None


def pose_fault(pose: Pose, contract: ActionContract) -> Refusal | None:
    """Whether a measured pose can be worked with at all."""
    if pose.frame != contract.frame:
        return reasons.WRONG_POSE_FRAME, f"expected poses in {contract.frame}, found {pose.frame or '(empty)'}"
    if not pose.finite:
        return reasons.NON_FINITE_POSE, f"expected finite numbers, found {pose.position} {pose.quaternion}"
    if not pose.unit:
        return reasons.INVALID_ORIENTATION, f"expected a unit quaternion, found {pose.quaternion}"
    if max(map(abs, pose.position.tolist())) > MAX_REACH:
        return reasons.IMPLAUSIBLE_POSE, f"expected a tool within {MAX_REACH:g} m, found {pose.position}"
    return None
