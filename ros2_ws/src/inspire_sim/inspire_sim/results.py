"""What an evaluation counts: episodes, their lines of JSON, success rates with Wilson intervals, tables.

Pure Python, shared by the episode driver, the demo and `inspire evaluate`, so that a number means the same everywhere.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 1
REFUSED = "refused"  # failure of an episode whose instruction was not accepted: nothing was tried
UNSEEN_SEEDS = 1_000_000  # evaluation seeds start here; training uses seeds below 500,000


@dataclass(frozen=True)
class EpisodeSpec:
    """An episode to run: seed of the world, held-out split, task and instruction (empty: the world's own choice)."""

    seed: int
    split: str = "train"
    task: str = ""
    instruction: str = ""


@dataclass(frozen=True)
class EpisodeResult:
    """One finished episode, one line of JSON.

    Attributes:
        seed, split, task, instruction, objects: what was run; objects in order of mention.
        success: by the world's own predicate.
        failure: stable name of the kind of failure, empty on success (timeout, lockstep_timeout, refused, ...).
        reason: the sentence that goes with it.
        steps: control periods. max_steps: their limit. wall_s: seconds from instruction to end.
        stage: how far it came: "never grasped", "held to the end", "dropped" or "done".
        compared: answers compared with the truth at equal stamps; right: those that agree; ties: left out because the
            two largest components of the offset lie within 1 cm.
        directions: true word -> [asked, right]. confusions: "truth>answer" -> count.
        answers: answers received; clamps: actions that the gate clamped; stops: the gate's counts by name.
        latency_p50, latency_p95: seconds, of the commander at the end. dropped: observations it dropped.
        target_start, destination_start: (x, y) of the two bodies' origins at the reset, m, in the arm's base frame;
            None where the world names none, and in lines written before this was kept.
        wrong_object: the first object held that the instruction does not name, empty when there was none; None in lines
            written before this was kept.
    """

    seed: int
    split: str
    task: str
    instruction: str
    objects: tuple[str, ...]
    success: bool
    failure: str
    reason: str
    steps: int
    max_steps: int
    wall_s: float
    stage: str = ""
    compared: int = 0
    right: int = 0
    ties: int = 0
    directions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    confusions: Mapping[str, int] = field(default_factory=dict)
    answers: int = 0
    clamps: int = 0
    stops: Mapping[str, int] = field(default_factory=dict)
    latency_p50: float = 0.0
    latency_p95: float = 0.0
    dropped: int = 0
    target_start: tuple[float, float] | None = None
    destination_start: tuple[float, float] | None = None
    wrong_object: str | None = None

    @property
    def direction_accuracy(self) -> float | None:
        """Share of right answers, None when none was compared."""
        return self.right / self.compared if self.compared else None

    def to_json(self) -> str:
        """One line of JSON, `direction_accuracy` included."""
        return json.dumps({**dataclasses.asdict(self), "direction_accuracy": self.direction_accuracy})

    @classmethod
    def from_json(cls, line: str) -> EpisodeResult:
        """The inverse of `to_json`. Raises ValueError when the line is not one episode."""
        try:
            data = json.loads(line)
            data.pop("direction_accuracy", None)
            data["objects"] = tuple(data["objects"])
            data["directions"] = {
                word: (int(asked), int(right)) for word, (asked, right) in data.get("directions", {}).items()
            }
            for name in ("target_start", "destination_start"):
                if data.get(name) is not None:
                    x, y = data[name]
                    data[name] = (float(x), float(y))
            return cls(**data)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(
                f"episode: expected a line of JSON with the fields of EpisodeResult, found {line[:80]!r}: {error}"
            ) from error


class Holding:
    """What was held along an episode."""

    def __init__(self) -> None:
        self._target: list[bool] = []
        self.wrong_object = ""

    def see(self, name: str, role: str, held: bool) -> None:
        """An object at one moment; `role` as of ObjectState."""
        if role == "target":
            self._target.append(held)
        elif role == "other" and held and not self.wrong_object:
            self.wrong_object = name

    def stage(self, success: bool) -> str:
        """How far it came; see EpisodeResult."""
        if success:
            return "done"
        if not any(self._target):
            return "never grasped"
        return "held to the end" if self._target[-1] else "dropped"


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a rate (95 % for z = 1.96), (0, 1) without trials."""
    if not 0 <= successes <= trials:
        raise ValueError(f"wilson interval: expected 0 <= successes <= trials, found {successes} of {trials}")
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    denominator = 1 + z**2 / trials
    centre = (rate + z**2 / (2 * trials)) / denominator
    half = z / denominator * math.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return min(low, rate), max(high, rate)  # rounding would leave 0 and 1 just outside


def macro_accuracy(directions: Mapping[str, Sequence[int]]) -> float | None:
    """Mean of the shares of right answers over the true words (word -> asked, right), so that a frequent word does not
    hide a rare one; None when none was asked.
    """
    shares = [right / asked for asked, right in directions.values() if asked]
    return sum(shares) / len(shares) if shares else None


def wrong_objects(episodes: Sequence[EpisodeResult]) -> int | None:
    """Episodes in which an object was held that the instruction does not name; None where that was not kept."""
    if any(e.wrong_object is None for e in episodes):
        return None
    return sum(bool(e.wrong_object) for e in episodes)


def summary(episodes: Sequence[EpisodeResult], **extra: Any) -> dict[str, Any]:
    """The content of `result.json`: schema_version, success, success_rate, wilson95, ..., episodes[].

    `success` is true when every episode succeeded (and there was one). `extra` is added as it is.
    """
    successes, compared = sum(e.success for e in episodes), sum(e.compared for e in episodes)
    directions: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    confusions: Counter[str] = Counter()
    for episode in episodes:
        confusions.update(episode.confusions)
        for word, (asked, right) in episode.directions.items():
            directions[word][0] += asked
            directions[word][1] += right
    return {
        "schema_version": SCHEMA_VERSION,
        "success": bool(episodes) and successes == len(episodes),
        "success_rate": successes / len(episodes) if episodes else None,
        "wilson95": list(wilson_interval(successes, len(episodes))),
        "successes": successes,
        "trials": len(episodes),
        "direction_accuracy": sum(e.right for e in episodes) / compared if compared else None,
        "direction_accuracy_macro": macro_accuracy(directions),
        "directions_compared": compared,
        "directions_tied": sum(e.ties for e in episodes),
        "directions": dict(sorted(directions.items())),
        "confusions": dict(confusions.most_common()),
        "clamps": sum(e.clamps for e in episodes),
        "wrong_objects": wrong_objects(episodes),
        "failures": dict(Counter(e.failure for e in episodes if not e.success).most_common()),
        **extra,
        "episodes": [json.loads(e.to_json()) for e in episodes],
    }


def table(episodes: Sequence[EpisodeResult]) -> str:
    """Successes by object and by destination, and the kinds of failure, as text for a terminal."""
    rows: list[tuple[str, str]] = []
    for title, position in (("object", 0), ("destination", 1)):
        groups: dict[str, list[bool]] = defaultdict(list)
        for episode in episodes:
            if len(episode.objects) > position:
                groups[episode.objects[position]].append(episode.success)
        rows += [(f"{title} {name}", _rate(outcomes)) for name, outcomes in sorted(groups.items())]
    failures = Counter(f"{e.failure} ({e.stage})" if e.stage else e.failure for e in episodes if not e.success)
    rows += [(f"failure {name}", str(count)) for name, count in failures.most_common()]
    rows.append(("all", _rate([e.success for e in episodes])))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _rate(outcomes: Sequence[bool]) -> str:
    low, high = wilson_interval(sum(outcomes), len(outcomes))
    share = f"{100 * sum(outcomes) / len(outcomes):.0f} %" if outcomes else "-"
    return f"{sum(outcomes)}/{len(outcomes)}  {share}  [{100 * low:.0f}, {100 * high:.0f}]"
