"""The kinds of faults that are tried through the graph."""

from __future__ import annotations

import math
import signal
from dataclasses import replace
from typing import Any

from inspire_bringup.faults import bad_actions as actions
from inspire_bringup.faults import bad_images as images
from inspire_bringup.faults import inject as do
from inspire_bringup.faults.rig import ARM, GATE, POLICY, RECORDER, Setup
from inspire_bringup.faults.trial import PROMISE, Kind

SCRIPT, DEADMAN, SIM_TIME = Setup(), Setup(deadman=True), Setup(sim_time=True)
BRAIN, RECORDED = Setup(policy=True), Setup(recorder=True)
TIMEOUT, WATCH = 2.0, 0.1  # s: the policy's inference_timeout, and how often it looks
OBSERVATION = 0.5  # s, how old an observation may be


def ends(name: str, does: str, inject: do.Inject, *reasons: str, **more: Any) -> Kind:
    """A kind after which the arm holds, and stays so."""
    return Kind(name=name, does=does, inject=inject, reasons=reasons, **more)


def goes_on(name: str, does: str, inject: do.Inject, *reasons: str, **more: Any) -> Kind:
    """A kind that does not have to stop the arm."""
    return Kind(name=name, does=does, inject=inject, reasons=reasons, hold=False, **{"lasting": False, **more})


ACTIONS = (
    goes_on("nothing", "the control", do.nothing),
    ends("commander_lost", "no action any more", actions.changed(actions.lost), "silence", latched="silence"),
    ends("actions_late", "0.2 s", actions.changed(actions.delayed(0.2)), "stale_action", "silence"),
    goes_on("actions_reordered", "of two the second first", actions.changed(actions.swapped), "reordered_action"),
    goes_on("actions_repeated", "each three times", actions.changed(actions.repeated)),
    goes_on("action_flood", "1 kHz", actions.changed(actions.flood), lasting=True),
    ends("nan_action", "a NaN", actions.changed(actions.along(math.nan)), "non_finite_action", "silence"),
    ends("infinite_action", "an infinity", actions.changed(actions.along(math.inf)), "non_finite_action", "silence"),
    goes_on("huge_action", "1e6 m", actions.changed(actions.along(1e6)), "too_fast", seconds=0.5),
    ends(
        "wrong_frame", "leads in another frame", actions.changed(actions.named(frame="world")), "wrong_frame", "silence"
    ),
    ends(
        "wrong_tool",
        "of another tool",
        actions.changed(actions.named(tool_frame="flange")),
        "wrong_tool_frame",
        "silence",
    ),
    ends("actions_ahead", "stamps 1 s ahead", actions.changed(actions.stamped(1.0)), "future_action", "silence"),
    ends(
        "observation_frozen",
        "actions computed from one observation",
        actions.changed(actions.one_observation),
        *("stale_observation", "silence"),
        within=OBSERVATION + PROMISE,
    ),
)
RIGHTS = (
    goes_on("impostor", "another's actions in between", actions.changed(actions.impostor), "wrong_commander"),
    ends(
        "lease_lost", "given back, goes on", do.calls(lambda rig: rig.lease("script", release=True)), "lease_released"
    ),
    ends(
        "lease_taken_over",
        "the first goes on",
        do.taken_over,
        *("lease_released", "wrong_commander"),
        check=do.lease_comes_back,
    ),
    ends("second_commander", "on inspire/action", do.second_publisher, "second_commander", latched="second_commander"),
    ends(
        "operator_stop",
        "arm/stop",
        do.calls(lambda rig: rig.trigger("arm/stop")),
        "operator_stop",
        latched="operator_stop",
    ),
    ends(
        "motion_disabled",
        "enable_motion becomes false",
        do.calls(lambda rig: rig.set_gate("enable_motion", False)),
        "motion_disabled",
    ),
)
ARMS = (
    ends("nan_pose", "a NaN measured", do.pose(x=math.nan), "non_finite_pose", latched="non_finite_pose"),
    ends("pose_of_wrong_frame", "measured", do.pose(frame="world"), "wrong_pose_frame", latched="wrong_pose_frame"),
    ends("pose_teleports", "0.3 m at once", do.pose(z=0.65), "implausible_pose", latched="implausible_pose"),
    ends("arm_hangs", "SIGSTOP of the driver", do.send(ARM, signal.SIGSTOP), "pose_silence"),
    *(
        ends(f"arm_{n.name.lower()}", "the driver ends", do.send(ARM, n), "pose_silence", ended=ARM)
        for n in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    ),
    *(
        ends(f"gate_{n.name.lower()}", "its last word is the hold", do.send(GATE, n), ended=GATE)
        for n in (signal.SIGINT, signal.SIGTERM)
    ),
    goes_on(
        "gate_sigkill",
        "no hold can come; the arm goes no further than the last lead",
        do.send(GATE, signal.SIGKILL),
        ended=GATE,
        lasting=True,
        check=do.arm_stays_near,
    ),
)
SWITCH = (
    ends("deadman_let_go", "the switch says false", do.switch(False), "deadman_released", "no_deadman"),
    ends("deadman_lost", "heard no more", do.switch(None), "deadman_lost"),
)
TIME = (
    ends("clock_forward", "5 s", do.jump(5.0), "clock_jump", lasting=False),
    ends("clock_back", "5 s", do.jump(-5.0), "clock_jump", lasting=False),
)
CAMERAS = (
    ends("cameras_lost", "no image any more", images.changed(images.without()), "silence", told="observation_timeout"),
    ends("one_camera_lost", "of two", images.changed(images.without("wrist")), "silence", told="observation_timeout"),
    ends(
        "camera_frozen",
        "one image again and again",
        images.changed(images.frozen),
        "silence",
        told="observation_timeout",
    ),
    ends("images_late", "0.6 s", images.changed(images.late(0.6)), "silence"),
    ends("images_reordered", "of two the second first", images.changed(images.swapped), "silence", lasting=False),
    goes_on("images_repeated", "each three times", images.changed(images.repeated)),
    ends("images_ahead", "stamps 10 s ahead", images.changed(images.stamped(10.0)), "silence"),
    ends("nan_images", "floats that are no numbers", images.changed(images.nan), "lease_released", told="bad_image"),
    ends("cut_images", "half of the bytes", images.changed(images.cut), "lease_released", told="bad_image"),
    goes_on("blank_images", "black; the policy is not asked to notice", images.changed(images.blank)),
)
BRAINS = (
    ends("engine_fails", "an exception", do.engine("raise"), "lease_released", told="inference"),
    ends(
        "engine_hangs",
        "still when the chunk is used up; the hold by name after inference_timeout",
        do.engine_hangs,
        "lease_released",
        told="inference_timeout",
        within=TIMEOUT + WATCH + PROMISE,
        check=do.still_without_a_chunk,
    ),
    ends("policy_hangs", "SIGSTOP", do.send(POLICY, signal.SIGSTOP), "silence"),
    *(
        ends(f"policy_{n.name.lower()}", "the policy ends", do.send(POLICY, n), reason, ended=POLICY)
        for n, reason in (
            (signal.SIGINT, "lease_released"),
            (signal.SIGTERM, "lease_released"),
            (signal.SIGKILL, "silence"),
        )
    ),
    ends("instruction_withdrawn", "an empty one", do.calls(lambda rig: rig.instruct("")), "lease_released"),
    Kind(
        name="instruction_flood",
        does="1 kHz",
        inject=do.instruction_flood,
        reasons=("lease_released",),
        hold=False,
        seconds=1.5,
    ),
)
RECORDERS = (
    goes_on("disk_full", "the recorder gives up alone", do.disk_full, told="disk_full", check=do.recorder_lives),
    *(
        goes_on(f"recorder_{n.name.lower()}", "nobody else cares", do.send(RECORDER, n), ended=RECORDER)
        for n in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    ),
)


def _with(setup: Setup, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    return tuple(replace(kind, setup=setup) for kind in kinds)


KINDS = (
    *_with(SCRIPT, (*ACTIONS, *RIGHTS, *ARMS)),
    *_with(DEADMAN, SWITCH),
    *_with(SIM_TIME, TIME),
    *_with(BRAIN, (*CAMERAS, *BRAINS)),
    *_with(RECORDED, RECORDERS),
)
