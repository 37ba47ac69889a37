"""Numbers of grounding answers, and the trivial baselines they stand beside."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from inspire_training.grounding.answering import Reply
from inspire_training.grounding.examples import Example, Mixture

BASELINE_EXAMPLES = 2000


def intersection_over_union(found: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of boxes (n, 4), row by row: (n,)."""
    low, high = np.maximum(found[:, :2], right[:, :2]), np.minimum(found[:, 2:], right[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1) for boxes in (found, right)]
    return np.asarray(shared / np.maximum(areas[0] + areas[1] - shared, 1e-9))


def frechet_distance(found: np.ndarray, right: np.ndarray) -> float:
    """Discrete Frechet distance of two paths (n, 2) and (m, 2): the shortest leash with which both can be walked."""
    distances = np.linalg.norm(found[:, None] - right[None], axis=2)
    reach = np.empty_like(distances)
    for i in range(len(found)):
        for j in range(len(right)):
            before = [reach[a, b] for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 and b >= 0]
            reach[i, j] = max(distances[i, j], min(before)) if before else distances[i, j]
    return float(reach[-1, -1])


def macro_f1(found: Sequence[str], right: Sequence[str]) -> float:
    """Mean F1 over the words that are right at least once."""
    scores = []
    for word in sorted(set(right)):
        both = sum(f == word == r for f, r in zip(found, right))
        scores.append(2 * both / (found.count(word) + right.count(word)))
    return float(np.mean(scores)) if scores else 0.0


class Baseline:
    """Answers without looking: the mean box, point or trace of the training answers about the same subject, and the
    most frequent direction; over all subjects for one never seen.
    """

    def __init__(self, table: Mapping[str, Mapping[str, Any]]) -> None:
        self.table = table

    @classmethod
    def of(cls, examples: Iterable[Example]) -> Baseline:
        """From training examples. Coordinates are shares of the image's sides."""
        rows: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for example in examples:
            answer = example.answer
            value: Any = answer.text
            if answer.shape != "text":
                value = answer.values.reshape(-1, 2) / example.size
            for key in (example.key, ""):
                rows[example.task][key].append(value)
        return cls({task: {key: _typical(values) for key, values in keys.items()} for task, keys in rows.items()})

    def reply(self, examples: Sequence[Example]) -> list[Reply]:
        """See `answering.Responder`."""
        return [self._one(example) for example in examples]

    def _one(self, example: Example) -> Reply:
        keys = self.table.get(example.task, {})
        known = keys.get(example.key, keys.get(""))
        if known is None:
            return Reply("", None, "no training answer")
        if isinstance(known, str):
            return Reply(known)
        return Reply("", (np.array(known) * example.size).reshape(example.answer.values.shape))


def baseline_of(mixture: Mixture) -> Baseline:
    """Of at most BASELINE_EXAMPLES training examples of each task."""
    tasks = (mixture.validation(task, BASELINE_EXAMPLES, held_out=False) for task in mixture.tasks)
    return Baseline.of(example for examples in tasks for example in examples)


def _typical(values: list[Any]) -> Any:
    if isinstance(values[0], str):
        return Counter(values).most_common(1)[0][0]
    return np.mean(values, axis=0).tolist()


def score(examples: Sequence[Example], replies: Sequence[Reply]) -> dict[str, float]:
    """Numbers of one task's replies.

    Unparsable answers count against the shares (iou, iou_50, in_mask, accuracy: nothing) and are left out of the
    distances (ade, frechet), whose parse rate stands beside them.

    Returns:
        n, parse_rate, and by task: box and plan iou, iou_50; point in_mask, distance; trace ade, frechet; direction
        accuracy, macro_f1. Distances are shares of the image's width.
    """
    task = examples[0].task
    numbers: dict[str, float] = {"n": len(examples)}
    if task == "direction":
        said, right = [r.text for r in replies], [e.answer.text for e in examples]
        numbers["parse_rate"] = float(np.mean([text in _DIRECTIONS for text in said]))
        numbers["accuracy"] = float(np.mean([a == b for a, b in zip(said, right)]))
        return numbers | {"macro_f1": macro_f1(said, right)}
    pairs = [(e, r.values) for e, r in zip(examples, replies) if r.values is not None]
    numbers["parse_rate"] = len(pairs) / len(examples)
    if task in ("box", "plan"):
        ious = np.concatenate(
            [np.zeros((len(examples) - len(pairs)) * len(examples[0].answer.values))]
            + [intersection_over_union(values, e.answer.values) for e, values in pairs]
        )
        return numbers | {"iou": float(ious.mean()), "iou_50": float((ious >= 0.5).mean())}
    errors = [_distance(e, values) for e, values in pairs]
    mean = float(np.mean(errors)) if errors else float("nan")
    if task == "trace":
        leashes = [frechet_distance(values, e.answer.values) / e.size[0] for e, values in pairs]
        return numbers | {"ade": mean, "frechet": float(np.mean(leashes)) if leashes else float("nan")}
    inside = [e.mask is not None and _in_mask(e.mask, values[0]) for e, values in pairs]
    return numbers | {"in_mask": sum(inside) / len(examples), "distance": mean}


def quality(example: Example, reply: Reply) -> float:
    """How near one answer with geometry is, more is better: the mean IoU of boxes, less the mean distance of points as
    a share of the image's width; minus infinity where nothing could be read.
    """
    if reply.values is None:
        return float("-inf")
    if example.answer.values.shape[1] == 4:
        return float(intersection_over_union(reply.values, example.answer.values).mean())
    return -float(_distance(example, reply.values))


def _distance(example: Example, values: np.ndarray) -> np.floating:
    """Mean distance of points (n, 2), px, as a share of the image's width."""
    return np.linalg.norm(values - example.answer.values, axis=1).mean() / example.size[0]


_DIRECTIONS = frozenset(["right", "left", "up", "down", "front", "back", "grasped"])


def _in_mask(mask: np.ndarray, point: np.ndarray) -> bool:
    u, v = (int(np.floor(c)) for c in point)
    height, width = mask.shape
    return 0 <= u < width and 0 <= v < height and bool(mask[v, u])
