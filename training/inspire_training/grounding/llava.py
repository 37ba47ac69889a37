"""Grounding examples of LLaVA-style JSON files, so that public sets can be mixed in.

    [{"id": ..., "image": "a.jpg", "conversations": [{"from": "human", "value": "<image>\\nLocate the cup."},
      {"from": "gpt", "value": "[[12, 34, 56, 78]]"}, ...]}, ...]

A file is JSON or JSON lines. A turn whose answer is one box, one point or ten points is kept as the task of that shape,
asked in its own words; others (general questions) are counted and left out: a small policy has no words for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from inspire_training.grounding.coordinates import make_coordinates
from inspire_training.grounding.examples import HELD_OUT, Example
from inspire_training.grounding.prompt import Prompt, TaskName
from inspire_training.grounding.records import TRACE_POINTS, check_box
from inspire_training.grounding.tasks import Answer

Coordinates = Literal["pixels", "thousand", "unit"]
_MARK = re.compile(r"<image>\s*")


class LlavaSource:
    """See `examples.Source`.

    Args:
        path: the JSON file. images: folder that its image paths are relative to. coordinates: what its numbers are:
            pixels of the image file, thousandths, or shares of its sides.

    Attributes:
        skipped: turns that were left out, by reason.

    Raises:
        ValueError: no such file, not this layout, or nothing in it to be used.
    """

    def __init__(self, path: Path, images: Path, *, coordinates: Coordinates = "pixels") -> None:
        self.name = path.name
        self._images = images
        self.skipped: dict[str, int] = {}
        self._items: dict[tuple[TaskName, bool], list[tuple[Path, str, Answer]]] = {}
        for number, entry in enumerate(_entries(path)):
            held_out = number % HELD_OUT == HELD_OUT - 1
            for question, text in _turns(entry, path, number):
                self._add(images / entry["image"], question, text, held_out, coordinates)
        if not self._items:
            raise ValueError(f"{path}: expected answers that are boxes or points, found none: {self.skipped}")

    def _add(self, image: Path, question: str, text: str, held_out: bool, coordinates: Coordinates) -> None:
        if not image.is_file():
            return self._skip("no image file")
        size = _image_size(image)
        try:
            found = _read(text, size, coordinates)
        except ValueError:
            return self._skip("box or point outside the image")
        if found is None:
            return self._skip("not a box, a point or ten points")
        task, answer = found
        self._items.setdefault((task, held_out), []).append((image, question, answer))
        return None

    def _skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def count(self, task: TaskName, *, held_out: bool) -> int:
        """See Source."""
        return len(self._items.get((task, held_out), ()))

    def questions(self) -> list[str]:
        """Every question that is kept, for a tokenizer."""
        return sorted({question for items in self._items.values() for _, question, _ in items})

    def example(self, task: TaskName, number: int, *, held_out: bool) -> Example:
        """See Source."""
        path, question, answer = self._items[task, held_out][number]
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError(f"image: expected a picture at {path}, found none that can be read")
        return Example(
            images={"agentview": np.ascontiguousarray(picture[..., ::-1])},
            proprioception=None,
            task=task,
            subject=question,
            prompt=Prompt(question, question),
            answer=answer,
            key=question,
        )


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text()
        lines = [line for line in text.splitlines() if line.strip()]
        entries = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in lines]
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: expected JSON with a list of conversations, found {error}") from error
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("image"), str)]


def _turns(entry: dict[str, Any], path: Path, number: int) -> Iterator[tuple[str, str]]:
    """Questions with their answers."""
    turns = entry.get("conversations")
    if not isinstance(turns, list) or not all(isinstance(t, dict) and {"from", "value"} <= set(t) for t in turns):
        raise ValueError(
            f'{path}, entry {number}: expected "conversations" with "from" and "value", found {str(turns)[:80]}'
        )
    for asked, said in pairwise(turns):
        if asked["from"] == "human" and said["from"] == "gpt":
            yield _MARK.sub("", asked["value"]).strip(), said["value"].strip()


def _read(text: str, size: tuple[int, int], coordinates: Coordinates) -> tuple[TaskName, Answer] | None:
    """Task and answer in px; None for another kind of answer. Raises ValueError for what lies outside the image."""
    try:
        rows = make_coordinates("pixels", size).numbers(text)
    except ValueError:
        return None
    if len({len(row) for row in rows}) != 1:  # type: ignore[arg-type]
        return None
    values = np.array(rows, dtype=float)
    unit = {"pixels": (1.0, 1.0), "thousand": (size[0] / 1000, size[1] / 1000), "unit": size}[coordinates]
    if values.shape == (1, 4):
        values = values * np.tile(unit, 2)
        check_box(tuple(values[0]), size, text)
        return "box", Answer("boxes", values)
    if values.shape in ((1, 2), (TRACE_POINTS, 2)):
        values = values * unit
        if not ((values >= 0) & (values <= size)).all():
            raise ValueError(f"points: expected them inside {size} px, found {values.tolist()}")
        return ("point" if len(values) == 1 else "trace"), Answer("points", values)
    return None


def _image_size(path: Path) -> tuple[int, int]:
    """Width and height, px. Reads the file, since JSON files seldom say it."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"image: expected a picture at {path}, found none that can be read")
    return int(picture.shape[1]), int(picture.shape[0])
