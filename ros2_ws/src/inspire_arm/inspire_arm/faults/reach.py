"""What a command of motion may be, given where the arm was measured: the witness's own arithmetic of each controller.

It shares no code with the adapters. A command is right when one of the measured poses explains it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from inspire_arm.adapters import STIFF_POSE
from inspire_arm.envelope import Envelope
from inspire_arm.faults.stream import Setup
from inspire_arm.motion import Command, Pose

NEAR = 1e-7  # m
TINY = 1e-9
ALONG = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)  # of the way, where keep-out boxes are looked for


def explained(command: Command, poses: Iterable[Pose], setup: Setup, now: int) -> tuple[Pose | None, list[str]]:
    """The first measured pose that explains a command at `now` (ROS time, ns), and what is wrong with it all the same.

    Impedance and twist: measured (+) lead. Stiff: a target within `max_lead` of an arm that was measured lately.
    """
    reach = command.twist.linear / setup.contract.lead_gain
    start = (command.position - reach).tolist()
    best: tuple[Pose | None, list[str]] = (None, ["a target that its twist and no measured pose explain"])
    for pose in poses:
        if setup.controller == STIFF_POSE:
            late = not setup.lockstep and abs(now - pose.stamp) * 1e-9 > setup.envelope.max_pose_age + TINY
            if (
                late
                or math.dist(pose.position.tolist(), command.position.tolist()) > setup.lead_limits.translation + NEAR
            ):
                continue
        elif any(abs(p - s) >= NEAR for p, s in zip(pose.position.tolist(), start)):
            continue
        complaints = [*_place(pose, command, setup.envelope), *_turn(pose, command, setup)]
        if not complaints or best[0] is None:
            best = pose, complaints
        # The others have one start only: there the first pose at that place is the one.
        if not complaints or setup.controller != STIFF_POSE:
            break
    return best


def _place(pose: Pose, command: Command, envelope: Envelope) -> list[str]:
    broken = []
    start, end = pose.position.tolist(), command.position.tolist()
    for s, e, low, high in zip(start, end, envelope.workspace_low, envelope.workspace_high):
        if e < min(low, s) or e > max(high, s):
            broken.append(f"a target outside the workspace: {end}")
            break
    for box in envelope.keep_out:
        deepest = max(box.depth(np.array(start)), 0.0)
        for part in ALONG:
            point = np.array([s + part * (e - s) for s, e in zip(start, end)])
            if box.depth(point) > deepest + TINY:
                broken.append(f"a way into a keep-out box: {start} to {end}")
                break
    return broken


def _turn(pose: Pose, command: Command, setup: Setup) -> list[str]:
    q, measured = command.quaternion.tolist(), pose.quaternion.tolist()
    cosine = abs(sum(a * b for a, b in zip(q, measured))) / (math.hypot(*q) * math.hypot(*measured))
    angle = 2 * math.acos(min(1.0, cosine))
    most = setup.envelope.max_angular_speed / setup.contract.lead_gain
    if setup.controller == STIFF_POSE:
        most = setup.lead_limits.rotation
    return [f"an orientation {angle:.3f} rad away"] if angle > most + 1e-6 else []


def step(command: Command, before: Command | None, seconds: float, setup: Setup) -> list[str]:
    """How far a stiff target moves at once: the largest speeds for `seconds`, where nothing took it back."""
    if setup.controller != STIFF_POSE or before is None:
        return []
    distance = math.dist(command.position.tolist(), before.position.tolist())
    most = setup.envelope.max_linear_speed * max(seconds, setup.contract.period)
    return [f"a step of {distance:.4f} m in {seconds:.3f} s"] if distance > most + NEAR else []
