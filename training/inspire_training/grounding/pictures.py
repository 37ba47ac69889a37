"""Contact sheets of a model's grounding answers: what was right in white, what was said in colour, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from inspire_training.attention.pictures import save_png
from inspire_training.grounding.answering import Reply
from inspire_training.grounding.examples import Example
from inspire_training.grounding.metrics import quality

SIDE, LINE, COLUMNS = 224, 18, 6  # px of a picture, of its caption; pictures in a row
RIGHT, SAID, TEXT, GROUND = (255, 255, 255), (255, 170, 40), (225, 225, 225), (24, 24, 28)


def draw_sheet(path: Path, examples: Sequence[Example], replies: Sequence[Reply], *, rows: int = 4) -> bool:
    """Write a PNG of one task's answers, evenly spread from the worst to the best; False for answers in words."""
    if not examples or examples[0].answer.shape == "text":
        return False
    ranked = sorted(range(len(examples)), key=lambda i: quality(examples[i], replies[i]))
    count = min(len(ranked), rows * COLUMNS)
    chosen = [ranked[i] for i in np.linspace(0, len(ranked) - 1, count).round().astype(int)]
    cells = [_cell(examples[i], replies[i], (rank + 0.5) / count) for rank, i in enumerate(chosen)]
    cells += [np.full_like(cells[0], GROUND)] * (-len(cells) % COLUMNS)
    lines = [np.hstack(cells[start : start + COLUMNS]) for start in range(0, len(cells), COLUMNS)]
    save_png(path, np.vstack(lines))
    return True


def _cell(example: Example, reply: Reply, share: float) -> np.ndarray:
    """A picture, RGB uint8, with its caption below; share: where it stands between the worst (0) and the best (1)."""
    image = next(iter(example.images.values()))
    scale = np.array([SIDE / image.shape[1], SIDE / image.shape[0]])
    view = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    _draw(view, example.answer.values, scale, RIGHT)
    if reply.values is not None:
        _draw(view, reply.values, scale, SAID)
    caption = np.full((LINE, SIDE, 3), GROUND, np.uint8)
    told = "not to be read" if reply.values is None else f"{_number(example, reply)}, {100 * share:.0f} %"
    cv2.putText(
        caption, f"{example.subject or example.key}: {told}", (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, TEXT, 1,
        cv2.LINE_AA,
    )  # fmt: skip
    return np.vstack([view, caption])


def _number(example: Example, reply: Reply) -> str:
    value = quality(example, reply)
    return f"IoU {value:.2f}" if example.task in ("box", "plan") else f"{-100 * value:.1f} % of width"


def _draw(view: np.ndarray, values: np.ndarray, scale: np.ndarray, colour: tuple[int, int, int]) -> None:
    points = np.rint(values.reshape(-1, 2) * scale).astype(np.int32)
    if values.shape[1] == 4:
        for low, high in zip(points[::2].tolist(), points[1::2].tolist()):
            cv2.rectangle(view, low, high, colour, 1)
    elif len(points) == 1:
        cv2.drawMarker(view, points[0].tolist(), colour, cv2.MARKER_CROSS, 12, 2)
    else:
        cv2.polylines(view, [points.reshape(-1, 1, 2)], False, colour, 1, cv2.LINE_AA)
        cv2.circle(view, points[-1].tolist(), 3, colour, -1)
