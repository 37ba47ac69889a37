"""Several splits of a world in one evaluation: which there are, what they come to, and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inspire_sim.results import SCHEMA_VERSION
from inspire_training.evaluation.folder import EvaluationError

ALL = "all"
SEVERAL = "several"  # the split named in the settings of a folder that holds one folder per split


def wanted_splits(split: str, world: str) -> list[str] | None:
    """The splits that "all" or a list with commas asks for, None where it is a single one. Raises EvaluationError."""
    if split != ALL and "," not in split:
        return None
    if world != "tabletop":
        raise EvaluationError(
            f"split: expected one split in {world}, found {split!r}; held-out splits belong to tabletop", 2
        )
    from inspire_sim.worlds.tabletop_tasks import SPLITS

    if split == ALL:
        return [name for name in SPLITS if name != "train"]
    names = list(dict.fromkeys(name.strip() for name in split.split(",") if name.strip()))
    unknown = [name for name in names if name not in SPLITS]
    if unknown or not names:
        raise EvaluationError(
            f"split: expected {ALL} or some of {', '.join(SPLITS)}, found {', '.join(unknown) or repr(split)}", 2
        )
    return names


def several(summaries: Mapping[str, Mapping[str, Any]], **extra: Any) -> dict[str, Any]:
    """The content of result.json above the splits: split -> its summary without the episodes, which lie in
    `<split>/result.json`.
    """
    parts = {
        split: {name: value for name, value in found.items() if name not in ("episodes", "settings", "schema_version")}
        for split, found in summaries.items()
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "success": bool(parts) and all(part["success"] for part in parts.values()),
        **extra,
        "splits": parts,
    }


def split_table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per split, as text for a terminal."""
    rows = [("split", "success", "", "95 %", "directions", "macro", "ties")]
    for split, found in summaries.items():
        low, high = found["wilson95"]
        rows.append(
            (
                split,
                f"{found['successes']}/{found['trials']}",
                percent(found["success_rate"], 0),
                f"[{100 * low:.0f}, {100 * high:.0f}]",
                percent(found["direction_accuracy"]),
                percent(found["direction_accuracy_macro"]),
                str(found["directions_tied"]),
            )
        )
    return columns(rows)


def percent(share: float | None, digits: int = 1) -> str:
    """A share as text, "-" for None."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text with aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
        for row in rows
    )
