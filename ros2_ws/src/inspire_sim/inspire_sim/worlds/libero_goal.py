"""What is still to be done in a LIBERO task: which object is to be brought where, from the BDDL goal as it holds now.

A pick-and-place goal is the next unmet `On` or `In` of the conjunction; what was brought there last stays the target
when all is done, so that nobody who hears of it before the verdict finds nothing to do. Opening, closing and turning
are judged but not planned: no object has the role of a target then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inspire_sim.worlds.libero_tasks import instance_of

PLACE_PREDICATES = ("on", "in")
HAND_CLEARANCE = 0.03  # m between a container's wall and the tool frame when it lets go
DROP = 0.012  # m between the object's bottom and what it is put on


@dataclass(frozen=True)
class Placement:
    """Bring `target` (an instance) to `place`, an instance or a region; `owner` is the instance that the region
    belongs to.
    """

    target: str
    place: str
    owner: str | None


def next_placement(env: Any, instances: Sequence[str]) -> Placement | None:
    """The first unmet pick-and-place predicate of the goal; when the whole goal is met, the last one; else None.

    Args: env: LIBERO's, robosuite level.
    """
    last, all_met = None, True
    for predicate in env.parsed_problem["goal_state"]:
        name, *arguments = predicate
        met = env._eval_predicate(predicate)
        if name.lower() in PLACE_PREDICATES and arguments[0] in env.objects_dict:
            last = Placement(arguments[0], arguments[1], instance_of(arguments[1], instances))
            if not met:
                return last
        all_met = all_met and met
    return last if all_met else None


def release_point(env: Any, placement: Placement, points: np.ndarray, reach: float) -> np.ndarray:
    """Where the tool lets go of an object that reaches `reach` m below it, (3,) m, world frame.

    Args:
        points: of the collision geometry of the owner of the place, (n, 3) m, world frame; empty for a place on a
            table.
    """
    region = env.object_sites_dict.get(placement.place)
    if region is not None:
        centre = np.array(env.sim.data.get_site_xpos(placement.place))
    else:
        centre = np.array(env.sim.data.body_xpos[env.obj_body_id[placement.place]])
    inside = points[np.hypot(*(points - centre)[:, :2].T) < 0.05]
    if region is None and inside.size:
        surface = float(inside[:, 2].max()) if _is_flat(points) else float(inside[:, 2].min()) + 0.01
    else:
        surface = centre[2]
    height = surface + reach + DROP
    container = region is not None and "contain" in placement.place and points.size
    if container:
        height = max(float(points[:, 2].max()) + HAND_CLEARANCE, float(points[:, 2].min()) + reach + HAND_CLEARANCE)
    return np.array([centre[0], centre[1], height])


def _is_flat(points: np.ndarray) -> bool:
    """Whether a shape is a plate or a slab rather than a bowl."""
    return bool(np.ptp(points[:, 2]) < 0.03)
