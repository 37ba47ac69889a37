"""One official demonstration becomes one labelled trajectory.

By default its actions are executed again from its first state ("actions"), as the published data were made: a frame is
kept for each action that does something, so what is seen next must follow from the kept actions alone, which recorded
states would not. "states" puts the simulation into each recorded state instead: nothing can diverge, whatever version
of MuJoCo recorded it, but the images then also show what the dropped no-ops did.

A no-op neither moves the arm nor changes the gripper's command. Success is LIBERO's predicate after the last action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from inspire_policy.directions import direction_axis
from inspire_policy.question_modes import MODES, answer_text
from inspire_sim.worlds.libero_replay import LiberoReplayWorld
from inspire_training.data.trajectory import Trajectory
from inspire_training.libero_data.labels import Labeller, Rule
from inspire_training.libero_data.official import OfficialDemo
from inspire_training.published.words import LIBERO

Method = Literal["actions", "states"]
NOOP = 1e-4  # norm of the six numbers that move


@dataclass(frozen=True)
class Replayed:
    """A trajectory, further arrays for its file, and how many actions were no-ops."""

    trajectory: Trajectory
    further: dict[str, np.ndarray]
    noops: int


def is_noop(action: np.ndarray, previous: np.ndarray | None) -> bool:
    """Whether an action (7,) does nothing; `previous` is the last one that was kept, None before the first."""
    still = float(np.linalg.norm(action[:6])) < NOOP
    return still and (previous is None or bool(action[6] == previous[6]))


def replay(
    world: LiberoReplayWorld,
    task: str,
    demo: OfficialDemo,
    *,
    rule: Rule,
    seed: int,
    method: Method = "actions",
    keep_noops: bool = False,
) -> Replayed:
    """Replay and label a demonstration.

    Args:
        seed: kept in the trajectory, where it decides about being held out.

    Raises:
        WorldError: the demonstration was recorded in another scene. ValueError: nothing to ask about, or only no-ops.
    """
    episode = world.begin(task, demo.states[0])
    labeller = Labeller(world, episode.instruction, rule)
    rows: dict[str, list] = {name: [] for name in _ROWS}
    previous: np.ndarray | None = None
    noops = 0
    for step, action in enumerate(demo.actions):
        if not keep_noops and is_noop(action, previous):
            noops += 1
            continue
        previous = action
        if method == "states":
            world.set_state(demo.states[step])
        _look(world, labeller, rows)
        rows["actions"].append(np.clip(action, -1.0, 1.0))
        if method == "actions":
            world.step(action)
    if not rows["actions"]:
        raise ValueError(f"expected actions that do something, found {noops} no-ops")
    if method == "states":
        world.set_state(demo.states[-1])
        world.step(demo.actions[-1])
    success = world.success()
    stacked = {name: np.stack(values) for name, values in rows.items()}
    trajectory = Trajectory(
        instruction=episode.instruction,
        objects=labeller.objects,
        images_agentview=stacked["agentview"],
        images_wrist=stacked["wrist"],
        positions=stacked["positions"],
        quaternions=stacked["quaternions"],
        openings=stacked["openings"],
        executed_actions=stacked["actions"],
        expert_actions=stacked["actions"],
        directions=_axes(stacked["offsets"], stacked["grasped"]),
        offsets=stacked["offsets"],
        grasped=stacked["grasped"],
        success=success,
        seed=seed,
        split=rule,
        task=task,
    )
    further = {
        "object_names": np.array(world.scene().names, dtype="S"),
        "object_positions": stacked["object_positions"].astype(np.float32),
        "object_quaternions": stacked["object_quaternions"].astype(np.float32),
        "object_grasped": stacked["object_grasped"],
        "asked": np.array(labeller.asked, dtype="S"),
        **{f"answers_{mode}": _texts(mode, stacked["offsets"], stacked["grasped"]) for mode in MODES},
    }
    return Replayed(trajectory, further, noops)


_ROWS = (
    *("agentview", "wrist", "positions", "quaternions", "openings", "actions", "offsets", "grasped"),
    *("object_positions", "object_quaternions", "object_grasped"),
)


def _look(world: LiberoReplayWorld, labeller: Labeller, rows: dict[str, list]) -> None:
    seen, scene = world.observe(), world.scene()
    labels = labeller.label(scene, seen.tool_position)
    for name, value in (
        ("agentview", seen.images["agentview"]),
        ("wrist", seen.images["wrist"]),
        ("positions", seen.tool_position),
        ("quaternions", seen.tool_quaternion),
        ("openings", seen.gripper_opening),
        ("offsets", labels.offsets),
        ("grasped", labels.grasped),
        ("object_positions", scene.positions),
        ("object_quaternions", scene.quaternions),
        ("object_grasped", scene.grasped),
    ):
        rows[name].append(value)


def _axes(offsets: np.ndarray, grasped: np.ndarray) -> np.ndarray:
    """(T, n) of offsets (T, n, 3) and grasped (T, n)."""
    return np.array([[direction_axis(o, bool(g)) for o, g in zip(*row)] for row in zip(offsets, grasped)])


def _texts(mode: str, offsets: np.ndarray, grasped: np.ndarray) -> np.ndarray:
    """Answers of a mode in LIBERO's words, bytes (T, n)."""
    texts = [[answer_text(mode, o, bool(g), LIBERO) for o, g in zip(*row)] for row in zip(offsets, grasped)]
    return np.array(texts, dtype="S")
