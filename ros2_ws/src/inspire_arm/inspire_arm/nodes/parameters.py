"""Parameters of the arm gate. `preset` gives the defaults of the limits; every one of them can be set by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rclpy.node import Node

from inspire_arm.adapters import STIFF_POSE
from inspire_arm.envelope import ROBOT, SIM, Envelope
from inspire_arm.gripper import RULES, GripperRule
from inspire_arm.keepout import boxes_from_numbers
from inspire_arm.nodes.controller_parameters import ControllerParameters, declare_controller_parameters
from inspire_arm.watchdog import Deadman, SilenceWatchdog
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
    "max_pose_silence": (0.01, 10.0, "Time without a newer measured pose after which the arm holds, s, realtime only."),
    "max_measured_speed": (0.01, 1000.0, "Speed of the measured pose, m/s, above which it is a fault; realtime only."),
    "max_measured_turn": (0.01, 10000.0, "The same for its rotation, rad/s."),
    "max_clock_jump": (0.02, 10.0, "What ROS time may get ahead of the steady clock, s; more is a jump, and a hold."),
}


@dataclass(frozen=True)
class GateParameters:
    """What the node was started with."""

    lockstep: bool
    motion_enabled: bool
    contract: ActionContract
    envelope: Envelope
    watchdog: SilenceWatchdog
    deadman: Deadman | None
    gripper: GripperRule
    stop_on_violation: bool
    lease_timeout: float
    controller: ControllerParameters


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
    enabled = declare(
        node,
        "enable_motion",
        preset == "sim",
        "Whether commands are sent; without, they are computed, counted and shown under arm/dry_run. Setting it ends "
        "the lease, setting it to false also holds.",
        read_only=False,
    )
    on_violation = declare(
        node,
        "on_violation",
        "clamp",
        "What a lead outside the limits comes to: clamp (and report) or stop (a latched fault, named by the limit).",
        choices=("clamp", "stop"),
    )
    gripper = declare(
        node,
        "gripper_rule",
        "continuous" if preset == "sim" else "switch",
        "continuous: the opening as it is; switch: fully open or closed, told on change only, below 0.4 and above 0.6.",
        choices=RULES,
    )
    lease_timeout = declare(
        node,
        "lease_timeout",
        10.0,
        "Time after which a lease ends that was granted and never used, s, realtime only.",
        low=0.1,
        high=3600.0,
    )
    deadman_required = declare(
        node,
        "deadman_required",
        preset == "robot" and mode == "realtime",
        "Whether the arm moves only while true is heard on arm/deadman; not in lockstep.",
    )
    deadman_timeout = declare(
        node, "deadman_timeout", 0.075, "Time for which a true on arm/deadman counts, s.", low=0.01, high=1.0
    )
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
    keep_out = declare(
        node,
        "keep_out",
        [0.0] * 6,
        "Boxes that the way to the target never enters, six numbers each: lower corner x y z, upper corner x y z in "
        "the base frame, m. Six zeros: none. The tool is a point: draw them larger by what it carries.",
        low=-10.0,
        high=10.0,
    )
    limits: dict[str, Any] = {
        name: declare(node, name, float(getattr(defaults, name)), text, low=low, high=high)
        for name, (low, high, text) in _LIMITS.items()
    }
    if deadman_required and mode == "lockstep":
        raise ConfigurationError(
            "parameter deadman_required: expected false in lockstep, where no clock runs, found true"
        )
    try:
        contract = ActionContract(lead_gain=gain, control_rate_hz=rate, frame=frame, tool_frame=tool_frame)
        controller = declare_controller_parameters(node, contract, switched=gripper == "switch")
        most, lead = limits["max_hold_distance"], controller.lead_limits.translation
        if controller.controller == STIFF_POSE and lead > most:
            raise ConfigurationError(
                f"parameter max_lead: expected max_hold_distance ({most:g} m) at most, so that a hold stays where it "
                f"was aimed at, found {lead:g} m"
            )
        return GateParameters(
            lockstep=mode == "lockstep",
            motion_enabled=enabled,
            contract=contract,
            envelope=Envelope(
                workspace_low=tuple(corners["workspace_low"]),
                workspace_high=tuple(corners["workspace_high"]),
                keep_out=boxes_from_numbers(tuple(keep_out)),
                **limits,
            ),
            watchdog=SilenceWatchdog(hold_after=hold_after, fault_after=fault_after),
            deadman=Deadman(timeout=deadman_timeout) if deadman_required else None,
            gripper=GripperRule(gripper),
            stop_on_violation=on_violation == "stop",
            lease_timeout=lease_timeout,
            controller=controller,
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
