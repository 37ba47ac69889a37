"""The envelope: the box, speeds and changes of speed that no command leaves, whatever comes in.

The twist that counts is v = lead_gain x lead. Limits apply in this order, each by scaling or moving no more than it
must: speed, change of speed, workspace box, keep-out boxes. The boxes come last and win: braking at their faces may be
harder than the limit on the change. A lead that breaks no limit passes through bit for bit; clamps are listed by name,
never silent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from inspire_arm.keepout import Box, keep_out
from inspire_arm.motion import Twist
from inspire_arm.reasons import GRIPPER_RANGE, KEEP_OUT, OUTSIDE_WORKSPACE, TOO_FAST, TOO_SUDDEN
from inspire_policy.action import ActionContract, Lead


@dataclass(frozen=True)
class Envelope:
    """Limits of one arm.

    Attributes:
        workspace_low, workspace_high: corners of the box in the base frame, m, that the target of the tool stays in;
            from outside it may only come closer.
        keep_out: boxes that the way to the target never enters; from inside it only gets less deep.
        max_linear_speed: m/s. max_angular_speed: rad/s. Norms of v.
        max_linear_change: m/s^2. max_angular_change: rad/s^2. Norms of the change of v per second.
        max_hold_distance: m; a hold keeps the last target when it is this close to the measured position.
        max_action_age: s, age of an action's stamp, on ROS time; also the most that it may lie ahead.
        max_observation_age: s, age of the observation that an action was computed from: chunk length / rate + latency
            budget.
        max_pose_age: s, age of the measured pose, on ROS time.
        max_pose_silence: s on the steady clock without a newer measured pose.
        max_measured_speed: m/s. max_measured_turn: rad/s. Between two measured poses; more is a fault of the driver.
        max_clock_jump: s that ROS time may get ahead of the steady clock.
    """

    workspace_low: tuple[float, ...] = (0.20, -0.45, 0.01)
    workspace_high: tuple[float, ...] = (0.75, 0.45, 0.70)
    max_linear_speed: float = 0.25
    max_angular_speed: float = 0.5
    max_linear_change: float = 2.0
    max_angular_change: float = 4.0
    max_hold_distance: float = 0.04
    max_action_age: float = 0.1
    max_observation_age: float = 0.5
    max_pose_age: float = 0.15
    max_pose_silence: float = 0.075
    max_measured_speed: float = 2.0
    max_measured_turn: float = 10.0
    max_clock_jump: float = 0.2
    keep_out: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        for name in ("workspace_low", "workspace_high"):
            corner = tuple(float(value) for value in getattr(self, name))
            if len(corner) != 3 or not all(math.isfinite(value) for value in corner):
                raise ValueError(f"envelope: expected {name} to be 3 finite numbers (m), found {getattr(self, name)}")
            object.__setattr__(self, name, corner)
        if not all(low < high for low, high in zip(self.workspace_low, self.workspace_high, strict=True)):
            raise ValueError(
                f"envelope: expected workspace_low below workspace_high on each axis, found {self.workspace_low} "
                f"and {self.workspace_high}"
            )
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not name.startswith(("workspace", "keep_out")) and not (math.isfinite(value) and value > 0):
                raise ValueError(f"envelope: expected {name} > 0, found {value}")


ROBOT = Envelope()
# Wide enough that no action within the contract of the simulated arm is ever clamped: 0.05 m per axis at a gain of
# 5.3/s is 0.46 m/s, 0.5 rad per axis 4.6 rad/s, and a reversal of both fits into half a control period.
SIM = Envelope(
    workspace_low=(-1.1, -1.1, -0.6),
    workspace_high=(1.1, 1.1, 1.5),
    max_linear_speed=0.5,
    max_angular_speed=5.0,
    max_linear_change=40.0,
    max_angular_change=400.0,
    max_hold_distance=0.1,
    # A reset puts the arm elsewhere, and a busy machine is late.
    max_pose_silence=0.15,
    max_measured_speed=100.0,
    max_measured_turn=1000.0,
)


@dataclass(frozen=True)
class Limited:
    """A lead within the envelope, its target position (3,) m, its twist, and the clamps: (name, expected and found)."""

    lead: Lead
    position: np.ndarray
    twist: Twist
    clamps: tuple[tuple[str, str], ...]


def limit(
    lead: Lead,
    *,
    position: np.ndarray,
    previous: Twist,
    elapsed: float,
    envelope: Envelope,
    contract: ActionContract,
) -> Limited:
    """A lead brought into the envelope.

    Args:
        lead: finite. position: measured position of the tool, (3,) m, finite.
        previous: twist commanded before. elapsed: s since then, counted as one control period at most.
        envelope: limits. contract: lead gain and control period.
    """
    clamps: list[tuple[str, str]] = []
    gain = contract.lead_gain
    elapsed = min(max(elapsed, 0.0), contract.period)
    vectors = []
    for name, vector, before, speed, change, unit in (
        ("linear", lead.translation, previous.linear, envelope.max_linear_speed, envelope.max_linear_change, "m"),
        ("angular", lead.rotation, previous.angular, envelope.max_angular_speed, envelope.max_angular_change, "rad"),
    ):
        length = math.hypot(*vector)
        if length > speed / gain:
            clamps.append(
                (TOO_FAST, f"expected a {name} speed of {speed:g} {unit}/s at most, found {gain * length:.4g}")
            )
            # Two factors: a length that overflowed must give zero, not a NaN.
            vector = (vector / length if math.isfinite(length) else np.zeros(3)) * (speed / gain)
        step = vector - before / gain
        size = math.hypot(*step)
        if size > change * elapsed / gain:
            found = gain * size / elapsed if elapsed > 0 else math.inf
            clamps.append((TOO_SUDDEN, f"expected a {name} change of {change:g} {unit}/s^2 at most, found {found:.4g}"))
            vector = before / gain + step * (change * elapsed / gain / size)
        vectors.append(vector)
    translation, rotation = vectors
    target, cut = confine(position, position + translation, envelope)
    if cut:
        clamps += cut
        translation = target - position
    opening = min(max(lead.opening, 0.0), 1.0)
    if opening != lead.opening:
        clamps.append((GRIPPER_RANGE, f"expected an opening from 0 to 1, found {lead.opening:g}"))
    if clamps:
        lead = Lead(translation, rotation, opening)
    return Limited(lead, target, Twist(gain * lead.translation, gain * lead.rotation), tuple(clamps))


def confine(
    position: np.ndarray, target: np.ndarray, envelope: Envelope
) -> tuple[np.ndarray, tuple[tuple[str, str], ...]]:
    """A target (3,) m, reached from `position` (3,) m, brought into the boxes; the very same where it is in them."""
    clamps: list[tuple[str, str]] = []
    low = np.minimum(envelope.workspace_low, position)
    high = np.maximum(envelope.workspace_high, position)
    if (target < low).any() or (target > high).any():
        clamps.append(
            (OUTSIDE_WORKSPACE, f"expected a target from {_text(low)} to {_text(high)} m, found {_text(target)}")
        )
        target = np.clip(target, low, high)
    if envelope.keep_out:
        kept, box = keep_out(position, target, envelope.keep_out)
        if box is not None:
            around = f"expected a way round {_text(box.low)} to {_text(box.high)} m"
            clamps.append((KEEP_OUT, f"{around}, found one to {_text(target)}"))
            target = kept
    return target, tuple(clamps)


def _text(vector: Iterable[float]) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in vector) + ")"
