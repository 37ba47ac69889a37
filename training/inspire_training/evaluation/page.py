"""The generated part of a page of results, in Markdown: tables of evaluations, the ladder, and where it is put.

It stands between two comments; everything outside of them belongs to people and is left as it is.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inspire_sim.results import EpisodeResult, summary
from inspire_training.evaluation.paired import Paired
from inspire_training.evaluation.saved import SavedError, SavedSplit
from inspire_training.evaluation.splits import percent

BEGIN = "<!-- inspire results: begin -->"
END = "<!-- inspire results: end -->"


def insert_section(text: str, section: str) -> str:
    """The page with the section between its markers; at the end where there are none. Raises SavedError."""
    block = f"{BEGIN}\n{section.strip()}\n{END}"
    found = (text.count(BEGIN), text.count(END))
    if found == (0, 0):
        return (text.rstrip() + "\n\n" if text.strip() else "") + block + "\n"
    if found != (1, 1) or text.index(BEGIN) > text.index(END):
        raise SavedError(
            f"page: expected {BEGIN} and, below it, {END}, once each or not at all; found them {found[0]} and "
            f"{found[1]} times or in the wrong order; remove both, they are written again at the end"
        )
    return text[: text.index(BEGIN)] + block + text[text.index(END) + len(END) :]


def pictures(text: str) -> set[str]:
    """The pictures that the generated section of a page shows, as paths relative to it."""
    section = text.partition(BEGIN)[2].partition(END)[0]
    return set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", section))


def evaluation_section(name: str, parts: Mapping[str, SavedSplit]) -> str:
    """Heading and tables of one evaluation: a row per split, then successes by object and destination."""
    lines = [f"### {name}", "", described(parts), "", *_markdown(split_rows(parts))]
    objects = object_rows(parts)
    return "\n".join([*lines, "", *_markdown(objects)] if len(objects) > 1 else lines)


def described(parts: Mapping[str, SavedSplit]) -> str:
    """Who was evaluated, where, and on which seeds, as a sentence."""
    first = next(iter(parts.values())).settings
    who = f"bundle `{Path(first['bundle']).name}`" if first.get("commander") == "policy" else "scripted expert"
    seeds = [e.seed for e in next(iter(parts.values())).episodes]
    return (
        f"{who[0].upper()}{who[1:]}, world {first['world']}, {first['mode']}, seeds {min(seeds):,} to {max(seeds):,}."
    )


def ladder_section(rungs: Mapping[str, Mapping[str, SavedSplit]]) -> str:
    """A table per split: every rung's rate, its answers, and McNemar's test against the first rung; same seeds."""
    lines = ["### The ladder", "", f"The same seeds in every row; McNemar's exact test against {next(iter(rungs))}."]
    for split, rows in ladder_rows(rungs).items():
        lines += ["", f"{_words(split)}:", "", *_markdown(rows)]
    return "\n".join(lines)


def ladder_rows(rungs: Mapping[str, Mapping[str, SavedSplit]]) -> dict[str, list[tuple[str, ...]]]:
    """Split -> its rows, heading first; see `ladder_section`."""
    first_name, first = next(iter(rungs.items()))
    tables = {}
    for split, base in first.items():
        heading = ("", "success", "95 %", "directions right", "macro", f"against {first_name}", "McNemar p")
        rows: list[tuple[str, ...]] = [heading]
        for name, parts in rungs.items():
            found = summary(parts[split].episodes)
            pair = Paired.of(base.episodes, parts[split].episodes)
            low, high = pair.difference_interval()
            against = f"{100 * pair.difference:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
            rows.append((name, *_rates(found), *((against, f"{pair.p_value:.3g}") if name != first_name else ("", ""))))
        tables[split] = rows
    return tables


def split_rows(parts: Mapping[str, SavedSplit]) -> list[tuple[str, ...]]:
    """A row per split, heading first: success, directions, time of a tick, episodes with a wrong object in the hand,
    failures.
    """
    rows: list[tuple[str, ...]] = [
        (
            *("split", "success", "95 %", "directions right", "macro", "answers (ties left out)", "tick p50"),
            *("wrong object held", "failures"),
        )
    ]
    for split, saved in parts.items():
        found = summary(saved.episodes)
        failures = Counter(f"{e.failure}, {e.stage}" if e.stage else e.failure for e in saved.episodes if not e.success)
        ticks = [e.latency_p50 for e in saved.episodes if e.latency_p50 > 0]
        rows.append(
            (
                _words(split),
                *_rates(found),
                f"{found['directions_compared']:,} ({found['directions_tied']:,})",
                f"{1000 * statistics.median(ticks):.1f} ms" if ticks else "-",
                "-" if found["wrong_objects"] is None else str(found["wrong_objects"]),
                "; ".join(f"{count} {kind}" for kind, count in failures.most_common()) or "none",
            )
        )
    return rows


def object_rows(parts: Mapping[str, SavedSplit]) -> list[tuple[str, ...]]:
    """A row per object and destination, a column per split, heading first."""
    rows: list[tuple[str, ...]] = [("", *(_words(split) for split in parts))]
    for position in (0, 1):
        groups: dict[str, dict[str, list[EpisodeResult]]] = defaultdict(lambda: defaultdict(list))
        for split, saved in parts.items():
            for episode in saved.episodes:
                if len(episode.objects) > position:
                    groups[episode.objects[position]][split].append(episode)
        for name, by_split in sorted(groups.items()):
            counts = [(sum(e.success for e in by_split[split]), len(by_split[split])) for split in parts]
            rows.append((name, *(f"{won} of {count}" if count else "" for won, count in counts)))
    return rows


def _rates(found: Mapping[str, Any]) -> tuple[str, str, str, str]:
    low, high = found["wilson95"]
    return (
        f"**{found['successes']} of {found['trials']}**, {percent(found['success_rate'])}",
        f"[{100 * low:.1f}, {100 * high:.1f}] %",
        percent(found["direction_accuracy"]),
        percent(found["direction_accuracy_macro"]),
    )


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def _words(split: str) -> str:
    return split.replace("_", " ")
