"""From a commanded pose back to the action of robosuite's OSC_POSE controller.

OSC_POSE sets its goal to the MEASURED pose plus the scaled action, so measured + (target - measured) is the target.
With a rotation of exactly zero it keeps its previous orientation goal; a target that repeats the previous orientation
bit for bit must therefore become an exact zero, or the goal would be re-anchored by rounding errors.
"""

from __future__ import annotations

import numpy as np

from inspire_policy.action import ActionContract, Lead, osc_from_lead
from inspire_policy.rotations import quaternion_conjugate, quaternion_multiply, rotvec_from_quaternion


def osc_from_target(
    position: np.ndarray,
    quaternion: np.ndarray,
    *,
    measured_position: np.ndarray,
    measured_quaternion: np.ndarray,
    last_target_quaternion: np.ndarray | None,
    opening: float,
    contract: ActionContract,
) -> np.ndarray:
    """The OSC_POSE action that makes a commanded pose the controller's goal.

    Args:
        position: target (3,) m. quaternion: target (4,) x, y, z, w. Both of the tool frame in the base frame.
        measured_position: (3,) m. measured_quaternion: (4,) x, y, z, w. The pose now, as the controller measures it.
        last_target_quaternion: orientation of the target before, None when there was none since the reset (the
            controller's orientation goal is then the measured one).
        opening: gripper, 0 closed .. 1 open; open above 0.5.
        contract: scale of the action.

    Returns:
        Action (7,), clipped to [-1, 1]: a target farther away than the contract's largest lead is approached.
    """
    reference = measured_quaternion if last_target_quaternion is None else last_target_quaternion
    if np.array_equal(quaternion, reference):
        rotation = np.zeros(3)
    else:
        rotation = rotvec_from_quaternion(quaternion_multiply(quaternion, quaternion_conjugate(measured_quaternion)))
    lead = Lead(np.asarray(position) - np.asarray(measured_position), rotation, opening)
    return np.clip(osc_from_lead(lead, contract), -1.0, 1.0)
