"""Kinds of faults that reach the pure gate through what it is fed. Kinds that need processes are not here."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from inspire_arm.adapters import STIFF_POSE, LeadLimits
from inspire_arm.envelope import ROBOT
from inspire_arm.faults import inject as do
from inspire_arm.faults.stream import COMMANDER, MS, Setup
from inspire_arm.faults.trial import Fault
from inspire_arm.keepout import Box

PROMISE = 0.1  # s from the onset to the hold: two control periods
PERIOD = 0.05  # s, until a stamp shows that it stands still
BOX = replace(ROBOT, keep_out=(Box((0.60, -0.45, 0.01), (0.64, 0.45, 0.70)),))
SUDDEN = replace(BOX, max_linear_change=100.0)
STOPS = Setup(stop_on_violation=True)
TURNED = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)


def ends(
    name: str, does: str, inject: do.Inject, *reasons: str, within: float = PROMISE, latched: str = "", **more: Any
) -> Fault:
    """A kind after which the arm holds within the promised time and stays so."""
    also = (*more.pop("also", ()), *(("faulted",) if latched else ()))
    return Fault(name, does, inject, reasons, also=also, hold_within=within, latched=latched, lasting=True, **more)


RHYTHM = (
    Fault("nothing", "the control: an undisturbed stream", do.nothing),
    ends("commander_dies", "no action any more", do.lose("action"), "silence", latched="silence", seconds=0.8),
    Fault("commander_stalls", "no action for a while", do.stall, ("silence",), hold_within=PROMISE, seconds=0.75),
    Fault("half_rate", "every other action is lost", do.every_other, ("silence",)),
    ends("late_actions", "0.12 to 0.2 s late", do.delay("action", 0.12, 0.2), "stale_action", "silence", seconds=0.5),
    ends("commander_behind", "stamps too old", do.shift_stamps(-100.0, -0.15), "stale_action", "silence"),
    ends("commander_ahead", "stamps in the future", do.shift_stamps(0.15, 100.0), "future_action", "silence"),
    Fault("reordered_actions", "pairs swapped", do.swap_actions, ("reordered_action",), also=("silence",)),
    Fault("repeated_actions", "each three times", do.repeat_actions),
    Fault("action_flood", "1 kHz", do.flood, ("too_sudden",), also=("reordered_action", "silence")),
    ends(
        "frozen_observation",
        "actions computed from one observation for ever",
        do.freeze_observation,
        *("stale_observation", "silence"),
        within=ROBOT.max_observation_age + PROMISE,
        seconds=0.9,
    ),
    ends("future_observation", "observed ahead of time", do.future_observation, "future_observation", "silence"),
)
NUMBERS = (
    ends("nan_action", "a NaN", do.steer(do.one_number(math.nan)), "non_finite_action", "silence"),
    ends("infinite_action", "an infinity", do.steer(do.one_number(math.inf)), "non_finite_action", "silence"),
    Fault("huge_action", "1 to 1e300 m", do.steer(do.huge), ("too_fast",), also=("too_sudden",)),
    ends(
        *("huge_action_stops", "the same, on_violation: stop", do.steer(do.huge), "too_fast"),
        latched="too_fast",
        also=("too_sudden",),
        setup=STOPS,
    ),
    Fault("reversals", "0.16 m/s to and fro", do.reverse, ("too_sudden",)),
    Fault(
        *("into_the_wall", "0.2 m/s out of the workspace", do.steer(do.ahead(0.04)), ("outside_workspace",)),
        also=("too_sudden",),
        start=(0.715, 0.0, 0.35),
        seconds=0.6,
    ),
    Fault(
        *("into_the_box", "0.2 m/s into a keep-out box", do.steer(do.ahead(0.04)), ("keep_out",)),
        also=("too_sudden",),
        start=(0.57, 0.0, 0.35),
        seconds=0.5,
        setup=Setup(envelope=BOX),
    ),
    ends(
        *("into_the_box_stops", "the same, on_violation: stop", do.steer(do.ahead(0.04)), "keep_out"),
        within=0.35,
        latched="keep_out",
        start=(0.57, 0.0, 0.35),
        seconds=0.6,
        setup=Setup(envelope=SUDDEN, stop_on_violation=True),
    ),
    Fault("gripper_range", "an opening of 1.5", do.steer(do.gripper(1.5)), ("gripper_range",), also=("too_sudden",)),
    ends("wrong_frame", "leads in another frame", do.change(frame="world"), "wrong_frame", "silence"),
    ends("wrong_tool_frame", "of another tool", do.change(tool_frame="flange"), "wrong_tool_frame", "silence"),
)
RIGHTS = (
    ends("lease_given_back", "and goes on", do.happen("release", COMMANDER), "lease_released", also=("no_lease",)),
    ends(
        "lease_taken_over", "the first goes on", do.take_over, "lease_released", "wrong_commander", also=("no_lease",)
    ),
    Fault("impostor", "another's actions in between", do.impostor, ("wrong_commander",)),
    Fault("no_lease", "nobody ever acquired", do.never("acquire"), ("no_lease",), moves=False),
    Fault(
        *("idle_lease", "acquired and never used", do.never("action"), ("lease_expired",)),
        moves=False,
        setup=Setup(lease_timeout=0.2),
    ),
    ends(
        "second_publisher",
        "on inspire/action",
        do.happen("publishers", 2),
        "second_commander",
        latched="second_commander",
    ),
    ends("operator_stop", "arm/stop", do.happen("stop"), "operator_stop", latched="operator_stop"),
    ends(
        *("stop_and_reset", "the commander never pauses", do.happen("stop", then=("reset", None))),
        *("operator_stop", "no_lease"),
        also=("faulted",),
        seconds=0.45,
    ),
    Fault("service_storm", "resets, others' leases, each 3 ms", do.storm),
    ends(
        "deadman_let_go",
        "the switch says false",
        do.happen("deadman", False, drop="deadman"),
        "deadman_released",
        "no_deadman",
    ),
    ends("deadman_lost", "heard no more", do.lose("deadman"), "deadman_lost", also=("no_deadman",)),
    Fault(
        "deadman_flutters",
        "let go for a moment",
        do.flutter,
        ("deadman_released",),
        also=("no_deadman",),
        hold_within=PROMISE,
    ),
    Fault("deadman_never", "never pressed", do.never("deadman"), ("no_deadman",), moves=False),
    Fault(
        "motion_disabled",
        "enable_motion is false",
        do.nothing,
        ("motion_disabled",),
        moves=False,
        setup=Setup(motion_enabled=False),
    ),
    ends("motion_withdrawn", "it becomes false", do.happen("enable", False), "motion_disabled", also=("no_lease",)),
)
TIME = (
    Fault(
        "clock_forward",
        "0.3 to 100 s",
        do.jump_clock(0.3, 100.0),
        ("clock_jump",),
        also=("stale_pose",),
        hold_within=PROMISE,
    ),
    Fault(
        "clock_back",
        "0.05 to 100 s",
        do.jump_clock(-100.0, -0.05),
        ("clock_jump",),
        also=("stale_pose",),
        hold_within=PROMISE,
    ),
    ends(
        "clock_stops",
        "ROS time stands still",
        do.stop_clock,
        also=("reordered_action", "silence", "pose_silence"),
        within=PERIOD + PROMISE,
    ),
    Fault("no_clock", "ROS time is 0", do.no_clock, ("stale_pose",), also=("no_pose",), moves=False),
    Fault(
        *("burst", "nothing for a while, then everything at once", do.burst),
        also=(
            *("stale_action", "reordered_action", "silence", "too_sudden", "deadman_lost", "no_deadman"),
            *("stale_pose", "reordered_pose", "pose_silence"),
        ),
    ),
)
POSES = (
    ends("pose_lost", "no pose any more", do.lose("pose"), "pose_silence", also=("silence", "stale_pose")),
    ends("pose_frozen", "the same one again", do.freeze_pose, "pose_silence", also=("silence", "stale_pose")),
    ends("pose_late", "0.2 s old", do.measure(age=200 * MS), "stale_pose", "pose_silence", also=("silence",)),
    ends("arm_ahead", "1 s ahead", do.measure(age=-1000 * MS), "stale_pose", "pose_silence", also=("silence",)),
    Fault(
        "reordered_poses", "every other is older", do.swap_poses, ("reordered_pose",), also=("pose_silence", "silence")
    ),
    Fault("repeated_poses", "each twice", do.repeat_poses),
    Fault(
        "arm_blocked",
        "something holds the arm; behind a stiff controller",
        do.measure(blocked=True),
        ("arm_lags",),
        setup=Setup(controller=STIFF_POSE, lead_limits=LeadLimits(0.015, 0.09)),
        seconds=1.2,
    ),
    ends("nan_pose", "a NaN", do.measure(offset=(0.0, math.nan, 0.0)), "non_finite_pose", latched="non_finite_pose"),
    ends(
        "no_orientation",
        "a quaternion of zeros",
        do.measure(quaternion=(0.0,) * 4),
        "invalid_orientation",
        latched="invalid_orientation",
    ),
    ends(
        "wrong_pose_frame", "another frame", do.measure(frame="world"), "wrong_pose_frame", latched="wrong_pose_frame"
    ),
    ends("pose_teleports", "0.3 m at once", do.teleport, "implausible_pose", latched="implausible_pose"),
    ends(
        "pose_turns",
        "90 degrees at once",
        do.measure(quaternion=TURNED),
        "implausible_pose",
        latched="implausible_pose",
    ),
    ends(
        "absurd_pose",
        "1e300 m away",
        do.measure(offset=(0.0, 1e300, 0.0)),
        "implausible_pose",
        latched="implausible_pose",
    ),
)
KINDS: tuple[Fault, ...] = (*RHYTHM, *NUMBERS, *RIGHTS, *TIME, *POSES)
