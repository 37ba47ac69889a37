"""One recorded episode in a world, labelled frame by frame by the expert: for demonstrations and DAgger."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inspire_policy.action import osc_from_lead
from inspire_policy.directions import REP103
from inspire_sim.expert import Expert
from inspire_sim.worlds.base import Observation, Truth, World
from inspire_training.data.trajectory import Trajectory

Actor = Callable[[Observation, Truth, np.ndarray], np.ndarray]
"""(observation, truth, the expert's action (7,)) -> the action (7,) to execute."""


def record(
    world: World,
    expert: Expert,
    actor: Actor,
    *,
    seed: int,
    task: str = "",
    split: str = "train",
    max_steps: int | None = None,
) -> Trajectory:
    """Run one episode until success or the step limit and return it with the expert's label of every visited state."""
    episode = world.reset(seed, task=task, split=split)
    rows: dict[str, list] = {
        "images_agentview": [],
        "images_wrist": [],
        "positions": [],
        "quaternions": [],
        "openings": [],
        "executed_actions": [],
        "expert_actions": [],
        "directions": [],
        "offsets": [],
        "grasped": [],
    }
    success = False
    for _ in range(min(max_steps or episode.max_steps, episode.max_steps)):
        observation, truth = world.observe(), world.truth()
        label = osc_from_lead(expert.act(truth), world.contract)
        action = actor(observation, truth, label)
        named = truth.objects[: len(episode.objects)]
        rows["images_agentview"].append(observation.images["agentview"])
        rows["images_wrist"].append(observation.images["wrist"])
        rows["positions"].append(observation.tool_position)
        rows["quaternions"].append(observation.tool_quaternion)
        rows["openings"].append(observation.gripper_opening)
        rows["executed_actions"].append(action)
        rows["expert_actions"].append(label)
        rows["directions"].append([REP103.axis_of[state.direction] for state in named])
        rows["offsets"].append([state.position - truth.tool_position for state in named])
        rows["grasped"].append([state.grasped for state in named])
        world.step(action)
        if world.success():
            success = True
            break
    return Trajectory(
        instruction=episode.instruction,
        objects=episode.objects,
        success=success,
        seed=seed,
        split=split,
        task=episode.task,
        on_policy=True,
        **{key: np.stack(value) for key, value in rows.items()},
    )
