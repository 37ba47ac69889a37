"""Question, answers and what was grounded drawn on the camera images, for people: the overlay topic and the video of an
episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from inspire_policy.directions import asked_name
from inspire_policy.question_modes import question_text

CAMERA_SIDE = 320  # px, height of each camera in the picture
LINE = 24
ROW = 58
_BACKGROUND, _TEXT, _DIM, _BAR, _CHOSEN = (24, 24, 28), (235, 235, 235), (150, 150, 150), (70, 90, 130), (80, 200, 120)


_MARKS = {"box": (255, 190, 60), "point": (255, 90, 90), "trace": (90, 190, 255)}


@dataclass(frozen=True)
class Mark:
    """Something found in a camera's image: kind "box" (two corners), "point" or "trace"; points (n, 2) px of it."""

    camera: str
    kind: str
    label: str
    points: np.ndarray


class AnswerLike(Protocol):
    """An answer of the program or of a DirectionAnswer message."""

    @property
    def object(self) -> str: ...
    @property
    def word(self) -> str: ...
    @property
    def probabilities(self) -> Sequence[float] | np.ndarray: ...


def draw_overlay(
    images: Mapping[str, np.ndarray],
    instruction: str,
    words: Sequence[str],
    answers: Sequence[AnswerLike],
    *,
    rows: int | None = None,
    marks: Sequence[Mark] = (),
    question_mode: str = "direction",
) -> np.ndarray:
    """The cameras side by side, the instruction above, below each question its answer and a bar per word.

    Args:
        images: camera -> RGB uint8 (H, W, 3), any sizes.
        words: the vocabulary, in the order of the probabilities.
        answers: in order of mention; empty probabilities draw the word alone.
        marks: drawn on their cameras. question_mode: what was asked.
        rows: number of answer rows to leave room for (a video needs one size), default as many as there are answers.

    Returns:
        RGB uint8 (height, width, 3), both even.
    """
    views = []
    for name, image in images.items():
        width = max(2, round(image.shape[1] * CAMERA_SIDE / image.shape[0] / 2) * 2)
        view = cv2.resize(np.ascontiguousarray(image), (width, CAMERA_SIDE), interpolation=cv2.INTER_CUBIC)
        for mark in marks:
            if mark.camera == name:
                _draw_mark(view, mark, np.array([width / image.shape[1], CAMERA_SIDE / image.shape[0]]))
        _write(view, name, (8, CAMERA_SIDE - 10), _TEXT, 0.45)
        views.append(view)
    cameras = np.concatenate(views, axis=1)
    width = cameras.shape[1]
    count = len(answers) if rows is None else rows
    picture = np.full((LINE + CAMERA_SIDE + ROW * count, width, 3), _BACKGROUND, dtype=np.uint8)
    _write(picture, instruction or "no instruction", (8, 17), _TEXT if instruction else _DIM, 0.5)
    picture[LINE : LINE + CAMERA_SIDE] = cameras
    for i, answer in enumerate(answers[:count]):
        _draw_answer(picture[LINE + CAMERA_SIDE + i * ROW :][:ROW], words, answer, question_mode)
    return picture


def _draw_mark(view: np.ndarray, mark: Mark, scale: np.ndarray) -> None:
    """A mark on a view whose pixels are the image's times `scale`."""
    limits = np.array(view.shape[1::-1]) - 1
    points = np.clip(np.rint(mark.points * scale), 0, limits).astype(int)
    colour, corners = _MARKS[mark.kind], [tuple(map(int, point)) for point in points]
    if mark.kind == "box":
        cv2.rectangle(view, corners[0], corners[1], colour, 2)
    elif mark.kind == "point":
        cv2.drawMarker(view, corners[0], colour, cv2.MARKER_CROSS, 14, 2)
    else:
        cv2.polylines(view, [points.reshape(-1, 1, 2).astype(np.int32)], False, colour, 2, cv2.LINE_AA)
        cv2.circle(view, corners[-1], 4, colour, -1)
    x, y = corners[0]
    _write(view, mark.label, (x, max(12, y - 5)), colour, 0.42)


def _draw_answer(area: np.ndarray, words: Sequence[str], answer: AnswerLike, question_mode: str) -> None:
    width = area.shape[1]
    _write(area, question_text(question_mode, asked_name(answer.object)), (8, 18), _DIM, 0.45)
    (size, _), _ = cv2.getTextSize(answer.word, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 2)
    cv2.putText(area, answer.word, (width - size - 10, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.6, _CHOSEN, 2, cv2.LINE_AA)
    probabilities = np.asarray(answer.probabilities, dtype=float)
    cell = (width - 8) / max(len(words), 1)
    for i, word in enumerate(words):
        left, right = round(8 + i * cell), round(8 + (i + 1) * cell) - 8
        colour = _CHOSEN if word == answer.word else _BAR
        if len(probabilities) == len(words):
            filled = left + round((right - left) * float(np.clip(probabilities[i], 0.0, 1.0)))
            cv2.rectangle(area, (left, 28), (right, 36), (45, 45, 50), -1)
            if filled > left:
                cv2.rectangle(area, (left, 28), (filled, 36), colour, -1)
        _write(area, word, (left, 51), _TEXT if word == answer.word else _DIM, 0.42)


def _write(image: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int], scale: float) -> None:
    printable = text.encode("ascii", "replace").decode()  # OpenCV's fonts hold ASCII only
    shadow = (place[0] + 1, place[1] + 1)
    cv2.putText(image, printable, shadow, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.putText(image, printable, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
