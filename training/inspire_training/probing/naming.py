"""Is it the name that decides? The instruction of a scene, told with another object's name that lies there as well."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from inspire_policy.instructions import objects_named
from inspire_sim.worlds.base import Truth

_NUMBER = " 0123456789"  # an instance's, behind its name


def picked_up(tasks: Iterable[str], known: Iterable[str]) -> set[str]:
    """The known objects that tasks pick up: each names its object first and its destination last, as in "milk_bin"."""
    known = tuple(known)
    named = [objects_named(task.replace("_", " "), known) for task in tasks]
    return {names[0] for names in named if names} & set(known) - {names[-1] for names in named if len(names) > 1}


def with_another_name(
    instruction: str, truth: Truth, picked: Iterable[str], rng: np.random.Generator
) -> tuple[str, str] | None:
    """The instruction with the name of another object of the scene for its target's, and that name.

    Args:
        picked: names that may take the place. rng: draws one of those that lie there.

    Returns:
        None where nothing else lies there, or the instruction does not hold its target's name.
    """
    picked = set(picked)
    target = next((state.name for state in truth.objects if state.role == "target"), None)
    others = sorted(
        {state.name.rstrip(_NUMBER) for state in truth.objects if state.role == "other"} & picked - {target}
    )
    pattern = re.compile(rf"\b{re.escape(target or '')}\b", re.IGNORECASE)
    if not target or not others or not pattern.search(instruction):
        return None
    name = str(rng.choice(others))
    return pattern.sub(name, instruction), name


def first_held(truth: Truth) -> str:
    """The name of what the hand holds, destinations aside; empty for nothing."""
    return next((s.name.rstrip(_NUMBER) for s in truth.objects if s.grasped and s.role != "destination"), "")
