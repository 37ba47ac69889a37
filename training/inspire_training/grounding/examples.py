"""Questions with their answers from any source, and how they are mixed.

A source lists what can be asked in it, task by task; a mixture draws tasks by ratio, then sources by weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inspire_training.grounding.prompt import TASKS, Prompt, TaskName
from inspire_training.grounding.store import GroundingStore
from inspire_training.grounding.tasks import Answer, ask, right_answer, subjects

HELD_OUT = 20  # one episode in so many is kept for validation
MIXTURE = "box=0.29,point=0.27,trace=0.23,plan=0.13,direction=0.08"


@dataclass(frozen=True)
class Example:
    """One question about one image.

    Attributes:
        images: camera -> uint8 (H, W, 3); the question is about the first. proprioception: (10,) SI, or None.
        answer: in px of the first image. subject: object name, or "" for the whole task. key: what a trivial
            baseline may know: the subject, or target and destination.
        mask: visible pixels of the subject, bool (H, W), where known.
    """

    images: Mapping[str, np.ndarray]
    proprioception: np.ndarray | None
    task: TaskName
    subject: str
    prompt: Prompt
    answer: Answer
    key: str
    mask: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first image, px."""
        height, width = next(iter(self.images.values())).shape[:2]
        return int(width), int(height)


class Source(Protocol):
    """Where examples come from."""

    name: str

    def count(self, task: TaskName, *, held_out: bool) -> int:
        """How many questions of a task there are for training, or for validation."""

    def example(self, task: TaskName, number: int, *, held_out: bool) -> Example:
        """One of them."""


class RecordSource:
    """Questions about grounding records. An episode is held out as a whole, by its seed."""

    def __init__(self, store: GroundingStore, name: str, *, held_out: int = HELD_OUT) -> None:
        self.name, self.store = name, store
        self._items: dict[tuple[TaskName, bool], list[tuple[int, str]]] = {}
        for index, record in enumerate(store.records):
            seed = int(record.source.get("seed", 0))
            kept = held_out > 0 and (seed * 2654435761 >> 7) % held_out == 0
            for task in TASKS:
                for subject in subjects(record, task):
                    if right_answer(record, task, subject).clipped(record.image_size) is not None:
                        self._items.setdefault((task, kept), []).append((index, subject))

    def count(self, task: TaskName, *, held_out: bool) -> int:
        """See Source."""
        return len(self._items.get((task, held_out), ()))

    def example(self, task: TaskName, number: int, *, held_out: bool) -> Example:
        """See Source."""
        index, subject = self._items[task, held_out][number]
        record = self.store.records[index]
        return Example(
            images={camera: images[index] for camera, images in self.store.images.items()},
            proprioception=self.store.proprioception[index],
            task=task,
            subject=subject,
            prompt=ask(record, task, subject),
            answer=right_answer(record, task, subject),
            key=subject or f"{record.roles.target} > {record.roles.destination}",
            mask=self.store.mask(index, subject) if subject else None,
        )


def parse_mixture(text: str) -> dict[TaskName, float]:
    """Ratios of tasks of a text such as "box=0.5,plan=0.5". Raises ValueError."""
    ratios: dict[TaskName, float] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        name, _, value = part.partition("=")
        try:
            ratio = float(value)
        except ValueError:
            raise ValueError(f"mixture: expected TASK=RATIO,..., found {part!r} in {text!r}") from None
        task = next((known for known in TASKS if known == name), None)
        if task is None or not ratio >= 0 or not np.isfinite(ratio):
            raise ValueError(f"mixture: expected ratios from 0 for {', '.join(TASKS)}, found {part!r}")
        ratios[task] = ratio
    if sum(ratios.values()) <= 0:
        raise ValueError(f"mixture: expected at least one ratio above 0, found {text!r}")
    return ratios


class Mixture:
    """Draws questions: the task by its ratio, then the source by its weight and how many it has.

    Raises ValueError, on construction, for a ratio that names no data.
    """

    def __init__(self, sources: Sequence[Source], weights: Sequence[float], ratios: Mapping[TaskName, float]) -> None:
        if len(weights) != len(sources):
            raise ValueError(f"weights: expected one per source ({len(sources)}), found {len(weights)}")
        if any(weight < 0 for weight in weights):
            raise ValueError(f"weights: expected numbers from 0, found {list(weights)}")
        self.sources = list(sources)
        self.tasks = [task for task, ratio in ratios.items() if ratio > 0]
        self._ratios = np.array([ratios[task] for task in self.tasks])
        self._ratios = self._ratios / self._ratios.sum()
        self._shares: dict[TaskName, np.ndarray] = {}
        for task in self.tasks:
            counts = np.array([w * s.count(task, held_out=False) for w, s in zip(weights, sources)], dtype=float)
            if counts.sum() <= 0:
                raise ValueError(
                    f"mixture: expected questions of the task {task}, found none in "
                    f"{', '.join(source.name for source in sources) or 'no data'}; take {task} out of --mixture or "
                    "name data that has it"
                )
            self._shares[task] = counts / counts.sum()

    def draw(self, rng: np.random.Generator) -> Example:
        """A training example."""
        task = self.tasks[int(rng.choice(len(self.tasks), p=self._ratios))]
        source = self.sources[int(rng.choice(len(self.sources), p=self._shares[task]))]
        return source.example(task, int(rng.integers(source.count(task, held_out=False))), held_out=False)

    def validation(self, task: TaskName, limit: int, *, held_out: bool = True) -> list[Example]:
        """At most `limit` examples of a task, evenly spread over the sources."""
        places = [(s, n) for s in self.sources for n in range(s.count(task, held_out=held_out))]
        if not places:
            return []
        chosen = np.unique(np.linspace(0, len(places) - 1, min(limit, len(places))).astype(int))
        return [places[i][0].example(task, places[i][1], held_out=held_out) for i in chosen]
