"""The tasks as text: which can be asked about a record, how, and what the right answer is.

box, point and direction are about one object, trace and plan about the whole task. An object that is nearly hidden is
not asked about: nobody could tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from inspire_policy.pixel_maps import PixelMap
from inspire_training.grounding import prompt as prompts
from inspire_training.grounding.coordinates import CoordinateCodec
from inspire_training.grounding.prompt import Prompt, TaskName
from inspire_training.grounding.records import TRACE_POINTS, GroundedObject, GroundingRecord

MIN_VISIBLE = 0.25  # of an object, to be asked about
MIN_KEPT = 0.6  # of a box's area inside the model's image, likewise
Shape = Literal["boxes", "points", "text"]


@dataclass(frozen=True)
class Answer:
    """Geometry or words.

    Attributes:
        shape: what it is. values: boxes (n, 4) or points (n, 2), px; (0, 2) for text. text: of a text.
    """

    shape: Shape
    values: np.ndarray
    text: str = ""

    def mapped(self, way: PixelMap) -> Answer:
        """The same in another image."""
        if self.shape == "text":
            return self
        return Answer(self.shape, way.boxes(self.values) if self.shape == "boxes" else way.points(self.values))

    def clipped(self, size: tuple[int, int]) -> Answer | None:
        """The same inside an image of (width, height) px; None when too little of a box, or no point, is in it."""
        if self.shape == "text":
            return self
        limits = np.tile(np.array(size, dtype=float), self.values.shape[1] // 2)
        inside = np.clip(self.values, 0.0, limits)
        if self.shape == "boxes":
            kept = _areas(inside) / np.maximum(_areas(self.values), 1e-9)
            return Answer("boxes", inside) if (kept >= MIN_KEPT).all() else None
        visible = (np.abs(inside - self.values) < 1e-6).all(axis=1)
        return Answer("points", inside) if visible[0] and visible.mean() >= MIN_KEPT else None

    def render(self, codec: CoordinateCodec) -> str:
        """As the model says it."""
        if self.shape == "text":
            return self.text
        return codec.text(codec.encode(self.values).reshape(self.values.shape))


def visible_objects(record: GroundingRecord) -> list[GroundedObject]:
    """Objects that may be asked about."""
    return [o for o in record.objects if o.bbox_xyxy_px is not None and o.visible_frac >= MIN_VISIBLE]


def subjects(record: GroundingRecord, task: TaskName) -> list[str]:
    """What a task can be asked about in a record: names of objects, "" for the whole task; empty for nothing."""
    names = [o.name for o in visible_objects(record)]
    if task == "box":
        return names
    if task == "point":
        return [o.name for o in visible_objects(record) if o.point_px is not None]
    if task == "direction":  # as a policy is asked: about what is named
        named = [record.roles.target, record.roles.destination]
        return [name for name in named if name in record.direction] if record.flags["direction"] else []  # type: ignore[misc]
    if task == "trace":
        return [""] if record.flags["trace"] and record.trace_px is not None else []
    return [""] if record.flags["plan"] and {record.roles.target, record.roles.destination} <= set(names) else []


def ask(record: GroundingRecord, task: TaskName, subject: str) -> Prompt:
    """The question."""
    if task == "box":
        return prompts.box_prompt(subject)
    if task == "point":
        return prompts.point_prompt(subject)
    if task == "direction":
        return prompts.direction_prompt(record.instruction, subject)
    return prompts.trace_prompt(record.instruction) if task == "trace" else prompts.plan_prompt(record.instruction)


def right_answer(record: GroundingRecord, task: TaskName, subject: str) -> Answer:
    """The answer, in px of the record's image. Raises ValueError when the record cannot be asked this."""
    if subject not in subjects(record, task):
        raise ValueError(
            f"grounding {task}: expected one of {subjects(record, task)} of this record, found {subject!r}; see "
            "its flags"
        )
    if task == "direction":
        return Answer("text", np.zeros((0, 2)), record.direction[subject])
    if task == "trace":
        return Answer("points", np.array(record.trace_px))
    if task == "point":
        return Answer("points", np.array([_find(record, subject).point_px]))
    names = [subject] if task == "box" else [record.roles.target, record.roles.destination]
    return Answer("boxes", np.array([_find(record, name).bbox_xyxy_px for name in names], dtype=float))


def expected_rows(task: TaskName) -> tuple[int, int]:
    """Rows and columns of a geometric answer: one box, two boxes (plan), one point, ten points."""
    return {"box": (1, 4), "plan": (2, 4), "point": (1, 2), "trace": (TRACE_POINTS, 2), "direction": (0, 0)}[task]


def parse(text: str, task: TaskName, codec: CoordinateCodec) -> np.ndarray:
    """Boxes or points, px of the model's image, that a model has said. Raises ValueError on anything else."""
    rows, columns = expected_rows(task)
    found = codec.numbers(text)
    if found and isinstance(found[0], float):
        if len(found) != rows * columns:
            raise ValueError(f"answer: expected {rows * columns} location tokens, found {len(found)}")
        values = np.array(found, dtype=float).reshape(rows, columns)
    else:
        if [len(row) for row in found] != [columns] * rows:  # type: ignore[arg-type]
            raise ValueError(f"answer: expected {rows} times {columns} numbers, found {text[:80]!r}")
        values = np.array(found, dtype=float)
    decoded = codec.decode(values.reshape(-1, 2)).reshape(rows, columns)
    if columns == 4 and not ((decoded[:, :2] < decoded[:, 2:]).all()):
        raise ValueError(f"answer: expected x1 < x2 and y1 < y2, found {text[:80]!r}")
    return decoded


def _find(record: GroundingRecord, name: str | None) -> GroundedObject:
    found = record.find(name)
    if found is None:
        raise ValueError(f"record: expected an object named {name!r}, found {[o.name for o in record.objects]}")
    return found


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
