"""A scripted expert with privileged state: pick up the target, let go over the destination.

Memoryless, so that any visited state can be labelled (DAgger): the action depends on the present truth alone. Heights
follow funnels instead of phases: the tool may be the lower the better it is aligned. A phased expert that descends only
when aligned teaches a policy with a larger error to hover forever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspire_policy.action import ActionContract, Lead
from inspire_policy.rotations import (
    quaternion_conjugate,
    quaternion_from_rotvec,
    quaternion_multiply,
    rotate,
    rotvec_from_quaternion,
)
from inspire_sim.worlds.base import ObjectState, Truth

TOOL_DOWN = np.array([1.0, 1.0, 0.0, 0.0]) / np.sqrt(2.0)  # x, y, z, w: z down, fingers opening along the base's y


@dataclass(frozen=True)
class ExpertConfig:
    """Distances of the expert's funnels, metres.

    Attributes:
        hover: height over the grasp from which the tool descends.
        transit: further height while far from the target, so that nothing on the way is hit.
        carry: height over the release point while carrying.
        grasp_radius: horizontal error within which the gripper closes.
        grasp_height: height over the grasp within which it closes.
        release_radius: horizontal error within which it opens.
        placed_radius: an object nearer than this to the destination's axis, and let go, counts as placed.
    """

    hover: float = 0.10
    transit: float = 0.08
    carry: float = 0.14
    grasp_radius: float = 0.012
    grasp_height: float = 0.010
    release_radius: float = 0.025
    placed_radius: float = 0.06


class Expert:
    """Labels a state with the lead that an expert would take. Needs a target and a destination among the objects."""

    def __init__(self, contract: ActionContract, config: ExpertConfig | None = None) -> None:
        self._contract = contract
        self._config = config or ExpertConfig()

    def act(self, truth: Truth) -> Lead:
        """The lead for the present state. Raises ValueError when the scene has no target or no destination."""
        target = _role(truth, "target")
        destination = _role(truth, "destination")
        if target.grasped:
            return self._carry(truth, destination)
        if np.linalg.norm((target.position - destination.anchor)[:2]) < self._config.placed_radius:
            return self._lead(truth, np.array([0.0, 0.0, 0.03]), opening=1.0, yaw=_tool_yaw(truth))
        return self._approach(truth, target)

    def _approach(self, truth: Truth, target: ObjectState) -> Lead:
        config = self._config
        offset = target.anchor - truth.tool_position
        across = float(np.linalg.norm(offset[:2]))
        height = config.hover * _ramp(across, config.grasp_radius, 0.03) + config.transit * _ramp(across, 0.05, 0.10)
        if across < config.grasp_radius and abs(offset[2]) < config.grasp_height:
            if truth.gripper_opening < 0.02:  # closed on nothing: open again, further up
                return self._lead(truth, np.array([0.0, 0.0, 0.04]), opening=1.0, yaw=target.grasp_yaw)
            return self._lead(truth, offset, opening=0.0, yaw=target.grasp_yaw)
        rise = offset[2] + height
        return self._lead(truth, _funnel(offset, rise), opening=1.0, yaw=target.grasp_yaw)

    def _carry(self, truth: Truth, destination: ObjectState) -> Lead:
        config = self._config
        offset = destination.anchor - truth.tool_position
        across = float(np.linalg.norm(offset[:2]))
        if across < config.release_radius and offset[2] > -0.015:
            return self._lead(truth, offset, opening=1.0, yaw=_tool_yaw(truth))
        rise = offset[2] + config.carry * _ramp(across, 0.02, 0.06)
        return self._lead(truth, _funnel(offset, rise), opening=0.0, yaw=_tool_yaw(truth))

    def _lead(self, truth: Truth, translation: np.ndarray, *, opening: float, yaw: float) -> Lead:
        goal = quaternion_multiply(quaternion_from_rotvec(np.array([0.0, 0.0, yaw])), TOOL_DOWN)
        turn = rotvec_from_quaternion(quaternion_multiply(goal, quaternion_conjugate(truth.tool_quaternion)))
        limit, angle = self._contract.max_translation, self._contract.max_rotation
        return Lead(_shorten(translation, limit), _shorten(turn, angle), opening)


def _role(truth: Truth, role: str) -> ObjectState:
    for state in truth.objects:
        if state.role == role:
            return state
    names = ", ".join(state.name for state in truth.objects) or "nothing"
    raise ValueError(f"expert: expected a {role} among the objects, for it only picks and places; found {names}")


def _ramp(value: float, start: float, width: float) -> float:
    """0 up to `start`, then linearly to 1 over `width`."""
    return float(np.clip((value - start) / width, 0.0, 1.0))


def _funnel(offset: np.ndarray, rise: float) -> np.ndarray:
    """Sideways only as far as the height allows: the lower the tool is under its funnel, the slower it moves across."""
    return np.array([*(offset[:2] * np.clip(1.0 - (rise - 0.01) / 0.04, 0.0, 1.0)), rise])


def _shorten(vector: np.ndarray, limit: float) -> np.ndarray:
    """The vector with its direction kept and no component beyond the limit."""
    return vector * min(1.0, limit / max(float(np.abs(vector).max()), 1e-12))


def _tool_yaw(truth: Truth) -> float:
    """Turn of the tool about the base's z against TOOL_DOWN, rad."""
    x_axis = rotate(truth.tool_quaternion, np.array([1.0, 0.0, 0.0]))
    return float(np.arctan2(-x_axis[0], x_axis[1]))
