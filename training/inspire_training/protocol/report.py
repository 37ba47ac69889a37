"""Success by task with Wilson intervals, for result.json and the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from inspire_sim.results import EpisodeResult, summary
from inspire_training.evaluation.splits import columns, percent


def task_summaries(results: Sequence[EpisodeResult]) -> dict[str, dict[str, Any]]:
    """Task -> successes, trials, rate, interval, share of right answers, failures."""
    kept = ("successes", "trials", "success_rate", "wilson95", "direction_accuracy", "failures")
    found = {task: summary(part) for task, part in _by_task(results).items()}
    return {task: {name: content[name] for name in kept} for task, content in found.items()}


def task_table(results: Sequence[EpisodeResult]) -> str:
    """One row per task and one for all; the mean over tasks is what papers print, and equal to it at equal trials."""
    rows: list[tuple[str, ...]] = [("task", "success", "", "95 %", "directions", "failures")]
    rows += [_row(task, part) for task, part in _by_task(results).items()]
    return columns([*rows, _row("all", results)])


def _by_task(results: Sequence[EpisodeResult]) -> dict[str, list[EpisodeResult]]:
    parts: dict[str, list[EpisodeResult]] = {}
    for result in results:
        parts.setdefault(result.task, []).append(result)
    return parts


def _row(name: str, part: Sequence[EpisodeResult]) -> tuple[str, ...]:
    found = summary(part)
    low, high = found["wilson95"]
    kinds = Counter(f"{r.failure} ({r.stage})" if r.stage else r.failure for r in part if not r.success)
    return (
        name,
        f"{found['successes']}/{found['trials']}",
        percent(found["success_rate"], 0),
        f"[{100 * low:.0f}, {100 * high:.0f}]",
        percent(found["direction_accuracy"]),
        ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "-",
    )
