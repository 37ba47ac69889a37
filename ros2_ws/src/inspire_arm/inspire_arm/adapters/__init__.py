"""One adapter for each kind of arm controller, chosen by name."""

from __future__ import annotations

from inspire_arm.adapters.base import Adapter
from inspire_arm.adapters.impedance_pose import ImpedancePose
from inspire_arm.adapters.stiff_pose import LeadLimits, StiffPose
from inspire_arm.adapters.twist import TwistAdapter
from inspire_arm.envelope import Envelope
from inspire_policy.action import ActionContract

IMPEDANCE_POSE, STIFF_POSE, TWIST = "impedance_pose", "stiff_pose", "twist"
CONTROLLERS = (IMPEDANCE_POSE, STIFF_POSE, TWIST)


def make_adapter(
    controller: str, envelope: Envelope, contract: ActionContract, limits: LeadLimits | None = None
) -> Adapter:
    """The adapter of a kind of controller; `limits` are for `stiff_pose`. Raises ValueError on an unknown kind."""
    if controller == IMPEDANCE_POSE:
        return ImpedancePose(envelope, contract)
    if controller == STIFF_POSE:
        return StiffPose(envelope, contract, limits)
    if controller == TWIST:
        return TwistAdapter()
    raise ValueError(f"controller: expected one of {', '.join(CONTROLLERS)}, found {controller!r}")
