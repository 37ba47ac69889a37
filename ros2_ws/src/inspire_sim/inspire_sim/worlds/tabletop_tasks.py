"""Tasks of the tabletop world: objects, destinations, sentences and which of them training never sees.

A held-out split belongs to the world, so that no training run can touch it by accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TRAINED_OBJECTS = ("milk", "cereal", "can", "bread", "bottle")
UNSEEN_OBJECT = "lemon"
DESTINATIONS = ("bin", "plate")
PREPOSITION = {"bin": "in", "plate": "on"}
UNSEEN_PAIRS = (("bread", "plate"), ("can", "bin"))

CANONICAL = "pick up the {object} and place it {preposition} the {destination}"
TRAIN_TEMPLATES = (
    CANONICAL,
    "put the {object} {preposition} the {destination}",
    "place the {object} {preposition} the {destination}",
    "take the {object} and put it {preposition} the {destination}",
    "move the {object} to the {destination}",
)
UNSEEN_TEMPLATES = (
    "grab the {object} and drop it {preposition} the {destination}",
    "bring the {object} over to the {destination}",
    "could you please put the {object} {preposition} the {destination}",
    "the {object} belongs {preposition} the {destination}",
)

SPLITS = (
    "train",
    "unseen_positions",
    "unseen_pairs",
    "unseen_object",
    "distractors",
    "camera_shift",
    "light_shift",
    "paraphrases",
)


@dataclass(frozen=True)
class Task:
    """Bring `object` to `destination`."""

    object: str
    destination: str

    @property
    def name(self) -> str:
        """The task's name, e.g. "milk_bin"."""
        return f"{self.object}_{self.destination}"

    def sentence(self, template: str = CANONICAL) -> str:
        """The instruction in the words of a template."""
        preposition = PREPOSITION[self.destination]
        return template.format(object=self.object, destination=self.destination, preposition=preposition)


def _all_tasks() -> tuple[Task, ...]:
    return tuple(Task(o, d) for o in (*TRAINED_OBJECTS, UNSEEN_OBJECT) for d in DESTINATIONS)


TASKS = _all_tasks()
TRAINED_TASKS = tuple(t for t in TASKS if t.object != UNSEEN_OBJECT and (t.object, t.destination) not in UNSEEN_PAIRS)


def tasks_of(split: str) -> Sequence[Task]:
    """The tasks that a split draws from."""
    if split == "unseen_pairs":
        return tuple(Task(*pair) for pair in UNSEEN_PAIRS)
    if split == "unseen_object":
        return tuple(t for t in TASKS if t.object == UNSEEN_OBJECT)
    return TRAINED_TASKS


def sentence_of(task: Task, split: str, rng: np.random.Generator) -> str:
    """The instruction of an episode: half canonical, half the other trained templates.

    The split "paraphrases" has templates that are never trained on.
    """
    if split == "paraphrases":
        return task.sentence(UNSEEN_TEMPLATES[rng.integers(len(UNSEEN_TEMPLATES))])
    if split == "train" and rng.random() < 0.5:
        return task.sentence(TRAIN_TEMPLATES[1 + rng.integers(len(TRAIN_TEMPLATES) - 1)])
    return task.sentence()
