"""Parameters of the arm gate. `preset` gives the defaults of the limits; every one of them can be set by itself."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.node import Node

from inspire_arm.envelope import ROBOT, SIM, Envelope
from inspire_arm.watchdog import SilenceWatchdog
from inspire_policy.action import ActionContract
from inspire_policy.ros.parameters import ConfigurationError, declare

_PRESETS = {"robot": ROBOT, "sim": SIM}
_LIMITS = {
    "max_linear_speed": (0.001, 3.0, "Largest commanded linear speed, m/s."),
    "max_angular_speed": (0.001, 10.0, "Largest commanded angular speed, rad/s."),
    "max_linear_change": (0.01, 1000.0, "Largest change of the linear speed per second, m/s^2."),
    "max_angular_change": (0.01, 10000.0, "Largest change of the angular speed per second, rad/s^2."),
    "max_hold_distance": (0.001, 0.5, "A hold keeps the last target when it is this close to the measured pose, m."),
    "max_action_age": (0.001, 10.0, "Largest age of an action's stamp in realtime, s; also the most it may lie ahead."),
    "max_observation_age": (0.001, 10.0, "Largest age of the observation behind an action, s."),
    "max_pose_age": (0.001, 10.0, "Largest age of the measured pose in realtime, s."),
}


@dataclass(frozen=True)
class GateParameters:
    """What the node was started with."""

    lockstep: bool
    motion_enabled: bool
    contract: ActionContract
    envelope: Envelope
    watchdog: SilenceWatchdog


def declare_parameters(node: Node) -> GateParameters:
    """Declare all parameters on `node`. Raises ConfigurationError on a wrong value."""
    preset = declare(
        node,
        "preset",
        "robot",
        "Defaults of the limits: robot (slow, motion disabled) or sim (never clamps an action within the contract).",
        choices=tuple(_PRESETS),
    )
    mode = declare(
        node,
        "mode",
        "realtime",
        "realtime: ages on ROS time, silence on the steady clock; lockstep: action and pose of equal stamp, no clock.",
        choices=("realtime", "lockstep"),
    )
    enabled = declare(node, "enable_motion", preset == "sim", "Whether the arm may be commanded at all.")
    standard = ActionContract()
    rate = declare(node, "control_rate", standard.control_rate_hz, "Actions per second, Hz.", low=1.0, high=1000.0)
    gain = declare(
        node,
        "lead_gain",
        standard.lead_gain,
        "Speed per lead, 1/s: v = lead_gain x lead.",
        low=0.1,
        high=100.0,
    )
    frame = declare(node, "base_frame", standard.frame, "Frame of poses and leads: the arm's base.")
    tool_frame = declare(node, "tool_frame", standard.tool_frame, "Frame that the leads move.")
    hold_after = declare(
        node, "silence_hold", 0.075, "Silence after which the arm holds, s, realtime only.", low=0.01, high=1.0
    )
    fault_after = declare(
        node, "silence_fault", 0.5, "Silence after which it is a fault, s, realtime only.", low=0.02, high=10.0
    )
    defaults = _PRESETS[preset]
    corners = {
        name: declare(
            node,
            name,
            list(getattr(defaults, name)),
            f"{which} corner of the box that the tool's target stays in, x y z in the base frame, m.",
            size=3,
            low=-10.0,
            high=10.0,
        )
        for name, which in (("workspace_low", "Lower"), ("workspace_high", "Upper"))
    }
    limits = {
        name: declare(node, name, float(getattr(defaults, name)), text, low=low, high=high)
        for name, (low, high, text) in _LIMITS.items()
    }
    try:
        return GateParameters(
            lockstep=mode == "lockstep",
            motion_enabled=enabled,
            contract=ActionContract(lead_gain=gain, control_rate_hz=rate, frame=frame, tool_frame=tool_frame),
            envelope=Envelope(
                workspace_low=tuple(corners["workspace_low"]), workspace_high=tuple(corners["workspace_high"]), **limits
            ),
            watchdog=SilenceWatchdog(hold_after=hold_after, fault_after=fault_after),
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
