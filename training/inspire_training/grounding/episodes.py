"""Grounded frames of one episode of the scripted expert: what the camera shows, object by object, and where the gripper
goes next.

An episode begins with a wander, and has another one when something is held, so that the arm is seen everywhere; the
expert is not disturbed besides, so that the way drawn in `trace_px` is the one that it would take from there. Frames
whose way up to the next opening or closing holds a wandering step, or that have no next one, have no trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from inspire_policy.action import osc_from_lead
from inspire_policy.proprioception import proprioception_vector
from inspire_sim.expert import Expert
from inspire_sim.worlds.base import Observation, Truth, World
from inspire_sim.worlds.camera_view import CameraView
from inspire_training.disturbance import Wander
from inspire_training.grounding.records import (
    TRACE_POINTS,
    Box,
    CameraPose,
    GripperState,
    GroundedObject,
    GroundingRecord,
    Point,
    Roles,
)

CAMERA = "agentview"
MIN_PIXELS = 6  # fewer visible ones are called hidden: nobody could say what they belong to


@dataclass(frozen=True)
class GroundedFrame:
    """A record with its arrays.

    Attributes:
        images: camera -> uint8 (H, W, 3); the record is about "agentview". proprioception: (10,) SI.
        segments: uint8 (H, W), 1 + index of the record's object, 0 for all else.
    """

    record: GroundingRecord
    images: dict[str, np.ndarray]
    proprioception: np.ndarray
    segments: np.ndarray


def record_episode(
    world: World,
    expert: Expert,
    *,
    seed: int,
    task: str,
    split: str,
    every: int,
    wander: tuple[int, int],
    max_steps: int = 0,
) -> list[GroundedFrame]:
    """Frames of one episode, one in `every` steps, up to success or the step limit.

    Args:
        wander: longest wander at the beginning and of one more when something is held, steps. max_steps: 0: the
            world's.
    """
    episode = world.reset(seed, task=task, split=split)
    rng = np.random.default_rng([seed, 13])
    stray = Wander(rng, longest=wander[0], carrying=wander[1])
    first = int(rng.integers(every))
    seen: list[tuple[int, Observation, Truth, CameraView]] = []
    positions, closed, astray = [], [], []
    for step in range(min(max_steps or episode.max_steps, episode.max_steps)):
        truth = world.truth()
        if step % every == first % every:
            seen.append((step, world.observe(), truth, world.view(CAMERA)))
        label = osc_from_lead(expert.act(truth), world.contract)
        action = stray.apply(label, holding=any(state.grasped for state in truth.objects))
        positions.append(truth.tool_position)
        closed.append(bool(action[6] > 0))
        astray.append(bool((action[:3] != label[:3]).any()))
        world.step(action)
        if world.success():
            break
    ways = [_way(positions, closed, astray, step) for step, *_ in seen]
    source = {"world": world.name, "seed": seed, "split": split, "task": episode.task}
    return [
        grounded_frame(episode.instruction, observation, truth, view, way, {**source, "step": step})
        for (step, observation, truth, view), way in zip(seen, ways)
    ]


def grounded_frame(
    instruction: str,
    observation: Observation,
    truth: Truth,
    view: CameraView,
    way: np.ndarray | None,
    source: dict[str, Any],
) -> GroundedFrame:
    """The record of one moment.

    way: (TRACE_POINTS, 3) m of the base frame where the tool goes, None when that is not known.
    """
    height, width = view.segments.shape
    objects, direction = [], {}
    segments = np.zeros_like(view.segments)
    for number, state in enumerate(truth.objects, start=1):
        mask = view.mask(state.name) if state.name in view.names else np.zeros_like(view.segments, dtype=bool)
        pixels = int(mask.sum())
        whole = view.whole.get(state.name, 0)
        box, point = visible_part(mask) if pixels >= MIN_PIXELS else (None, None)
        segments[mask] = number
        objects.append(
            GroundedObject(
                name=state.name,
                bbox_xyxy_px=box,
                visible_frac=min(1.0, pixels / whole) if whole else 0.0,
                point_px=point,
                grasp_px=view.project(state.anchor),
                position_base_m=_three(state.position),
            )
        )
        direction[state.name] = state.direction
    role = {state.role: state.name for state in truth.objects}
    roles = Roles(target=role.get("target"), destination=role.get("destination"))
    tool = view.project(truth.tool_position)
    trace = None if way is None else [view.project(point) for point in way]
    known = trace is not None and all(point is not None for point in trace)
    record = GroundingRecord(
        image_size=(width, height),
        instruction=instruction,
        objects=tuple(objects),
        roles=roles,
        intrinsics=view.intrinsics,
        camera_pose=CameraPose(position=_three(view.position), quaternion=tuple(map(float, view.quaternion))),  # type: ignore[arg-type]
        gripper=None
        if tool is None
        else GripperState(
            px=tool, position=_three(truth.tool_position), holding=any(state.grasped for state in truth.objects)
        ),
        trace_px=tuple(trace) if known and trace is not None else None,  # type: ignore[arg-type]
        direction=direction,
        flags={"trace": known, "direction": True, "plan": roles.target is not None and roles.destination is not None},
        source=source,
    )
    felt = proprioception_vector(truth.tool_position, truth.tool_quaternion, truth.gripper_opening)
    return GroundedFrame(record, dict(observation.images), felt, segments)


def visible_part(mask: np.ndarray) -> tuple[Box, Point]:
    """Box of a mask, bool (H, W), and the centre of the pixel furthest from its edge. Raises ValueError when empty."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        raise ValueError("mask: expected at least one pixel, found none; leave the object's box out (None)")
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    # Among the deepest, the one nearest the middle: long things have a whole ridge of them.
    deepest = np.argwhere(depth >= depth.max() - 1e-3)
    v, u = deepest[np.abs(deepest - [rows.mean(), columns.mean()]).sum(axis=1).argmin()]
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return box, (float(u) + 0.5, float(v) + 0.5)


def evenly_spaced(path: np.ndarray, count: int = TRACE_POINTS) -> np.ndarray:
    """Points (count, n) along a path (T, n), evenly spaced by its length, both ends among them."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    along = np.concatenate([[0.0], lengths.cumsum()])
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, path[:, axis]) for axis in range(path.shape[1])], axis=1)


def _way(positions: list[np.ndarray], closed: list[bool], astray: list[bool], step: int) -> np.ndarray | None:
    """The tool's way (TRACE_POINTS, 3) from a step to the next opening or closing; None when it is not the expert's."""
    end = next((t for t in range(step + 1, len(closed)) if closed[t] != closed[step]), None)
    if end is None or any(astray[step:end]):
        return None
    return evenly_spaced(np.stack(positions[step : end + 1]))


def _three(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 5) for v in values)
    return x, y, z
