"""Whether what was commanded may be commanded: recomputed from the commands, the measured poses and the limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from inspire_arm.envelope import Envelope
from inspire_bringup.faults.observer import Said
from inspire_policy.action import ActionContract

SEEN = 0.35  # s: of the poses published so long before a command, the gate may have used any
NEAR = 1e-6  # m


def broken(
    motions: Sequence[Said],
    holds: Sequence[Said],
    poses: Sequence[Said],
    openings: Sequence[float],
    *,
    envelope: Envelope,
    contract: ActionContract,
) -> list[str]:
    """What leaves the envelope, one sentence each."""
    found = [f"an opening of {opening}" for opening in openings if not 0.0 <= opening <= 1.0]
    measured = [pose for pose in poses if np.isfinite(pose.position).all()]
    for said in motions:
        found += _shape(said, contract) or _motion(said, _before(said, measured), envelope, contract)
    for said in holds:
        found += _shape(said, contract) or _hold(said, _before(said, measured), motions, envelope)
    return found


def _before(said: Said, poses: Sequence[Said]) -> list[np.ndarray]:
    """Positions measured shortly before a command, or a bit after: two processes' stamps do not order exactly."""
    return [p.position for p in poses if -SEEN <= (p.at - said.at) * 1e-9 <= 0.005]


def _shape(said: Said, contract: ActionContract) -> list[str]:
    if not (np.isfinite(said.position).all() and np.isfinite(said.quaternion).all()):
        return [f"a command that is not finite: {said.position}, {said.quaternion}"]
    if abs(float(np.linalg.norm(said.quaternion)) - 1.0) > 2e-3:
        return [f"a command without an orientation: {said.quaternion}"]
    return [] if said.frame == contract.frame else [f"a command in the frame {said.frame!r}"]


def _motion(said: Said, starts: list[np.ndarray], envelope: Envelope, contract: ActionContract) -> list[str]:
    low, high = np.array(envelope.workspace_low), np.array(envelope.workspace_high)
    complaints = []
    for start in starts:
        speed = contract.lead_gain * math.dist(said.position, start)
        inside = (said.position >= np.minimum(low, start) - NEAR) & (said.position <= np.maximum(high, start) + NEAR)
        if speed <= envelope.max_linear_speed * (1 + 1e-6) + NEAR and inside.all():
            return []  # one measured pose explains it
        complaints.append(f"a target at {said.position.round(4)}, {speed:.3f} m/s from the arm at {start.round(4)}")
    return complaints[-1:] or [f"a command of motion without any measured pose within {SEEN:g} s"]


def _hold(said: Said, starts: list[np.ndarray], motions: Sequence[Said], envelope: Envelope) -> list[str]:
    """A hold is near where the arm was measured, or the last target."""
    reach = envelope.max_hold_distance + NEAR
    if any(math.dist(said.position, start) <= reach for start in starts):
        return []
    if any(np.array_equal(said.position, motion.position) for motion in motions):
        return []
    return [f"a hold at {said.position.round(4)}, far from the arm"] if starts else []
