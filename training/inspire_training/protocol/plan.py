"""What a protocol asks for: suites, trials, initial states, picture; and the episodes that follow from it.

The published one (OpenVLA's, which MiniVLA and InSpire took over): trial k of a task starts from LIBERO's recorded
state k, in the object suite from a random placement; ten steps of standing still with the gripper open; a limit of
steps per suite; success as soon as LIBERO's predicate holds. States, settling and limits are the worlds' own; the
image's stages are the bundle's geometry (`PUBLISHED_STAGES`), the gripper's conversion is
`inspire_policy.action.osc_from_lead`.

Seeds: 1,000,000 + 1,000 x task + trial, so that every episode of a suite has its own; every task has 50 recorded
states, of which a world takes number seed modulo 50, the trial's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspire_policy.images import ImageGeometry
from inspire_sim.results import UNSEEN_SEEDS, EpisodeSpec
from inspire_sim.worlds.base import WorldError
from inspire_sim.worlds.libero_assets import libero_folder
from inspire_sim.worlds.libero_tasks import choose_task, suite_tasks
from inspire_sim.worlds.registry import LIBERO_WORLDS
from inspire_training.evaluation.folder import EvaluationError

SEEDS_OF_A_TASK = 1000
# Of an image as LIBERO renders it, bottom-up; the worlds here hand out upright images, for which flip is "none".
PUBLISHED_STAGES = ImageGeometry(224, 224, crop=0.9, flip="vertical", filter="pillow_lanczos", resize_first=True)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Attributes:
    trials: of each task. image_size: px of the renders. random_start: suites whose objects are placed at random.
    """

    name: str
    trials: int
    image_size: int
    random_start: tuple[str, ...]

    def split(self, suite: str) -> str:
        """The LIBERO worlds' name for where a suite's episodes begin."""
        return "random" if suite in self.random_start else "train"


PUBLISHED = Protocol(name="published", trials=10, image_size=256, random_start=("libero_object",))
PROTOCOLS = {PUBLISHED.name: PUBLISHED}


def tasks_of(suite: str, wanted: Sequence[str] = ()) -> dict[int, str]:
    """Index -> name of the tasks of a suite, or of those wanted by name or index. Raises EvaluationError."""
    if suite not in LIBERO_WORLDS:
        raise EvaluationError(f"suite: expected one of {', '.join(LIBERO_WORLDS)}, found {suite!r}", 2)
    try:
        names = suite_tasks(libero_folder(), suite)
        chosen = [choose_task(suite, names, name) for name in wanted] or list(names)
    except WorldError as error:
        raise EvaluationError(str(error), 2) from error
    return {names.index(name): name for name in dict.fromkeys(chosen)}


def episodes_of(tasks: dict[int, str], *, trials: int, split: str) -> list[EpisodeSpec]:
    """The episodes, task by task. Raises EvaluationError."""
    if not 1 <= trials <= SEEDS_OF_A_TASK:
        raise EvaluationError(f"trials: expected 1 to {SEEDS_OF_A_TASK}, found {trials}", 2)
    return [
        EpisodeSpec(UNSEEN_SEEDS + SEEDS_OF_A_TASK * index + trial, split, task)
        for index, task in tasks.items()
        for trial in range(trials)
    ]
