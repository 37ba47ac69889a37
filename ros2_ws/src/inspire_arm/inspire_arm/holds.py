"""What a hold says: the last target where the arm is near it, else the measured pose.

The measured pose each time would sag on a compliant arm; a target that is far away would still move it.
"""

from __future__ import annotations

import numpy as np

from inspire_arm.envelope import Envelope
from inspire_arm.motion import Command, Pose
from inspire_policy.action import ActionContract
from inspire_policy.rotations import quaternion_conjugate, quaternion_multiply, rotvec_from_quaternion


def is_near(command: Command, measured: Pose, envelope: Envelope, contract: ActionContract) -> bool:
    """Whether a command is within what one command may lead, so that holding it is no motion to speak of."""
    distance = float(np.linalg.norm(command.position - measured.position))
    turn = rotvec_from_quaternion(quaternion_multiply(command.quaternion, quaternion_conjugate(measured.quaternion)))
    max_turn = envelope.max_angular_speed / contract.lead_gain
    return distance <= envelope.max_hold_distance and float(np.linalg.norm(turn)) <= max_turn


def capture(near: Command | None, measured: Pose, opening: float | None) -> Command:
    """The hold: the pose of the last command where it is near, else the measured one; an opening of None leaves the
    gripper alone.
    """
    pose = near or measured
    return Command(pose.stamp, pose.position, pose.quaternion, opening)
