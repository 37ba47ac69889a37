"""`inspire compare A B`: two evaluations over the same seeds, episode by episode, split by split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import tyro

from inspire_sim.results import SCHEMA_VERSION
from inspire_training.evaluation.paired import Paired
from inspire_training.evaluation.saved import same_splits
from inspire_training.evaluation.splits import columns, percent


def compare(
    a: tyro.conf.Positional[Path],
    b: tyro.conf.Positional[Path],
    json_: Annotated[bool, tyro.conf.arg(name="json"), tyro.conf.FlagCreatePairsOff] = False,
) -> int:
    """Compare two evaluations over the same seeds; prints and returns 0. Raises SavedError.

    Args:
        a: folder of the first evaluation, of one split or of several.
        b: folder of the second one: the same world, splits and seeds.
        json_: print JSON instead of a table.
    """
    paired = {one.split: Paired.of(one.episodes, other.episodes) for one, other in same_splits(a, b)}
    if json_:
        splits = {split: _content(pair) for split, pair in paired.items()}
        print(json.dumps({"schema_version": SCHEMA_VERSION, "a": str(a), "b": str(b), "splits": splits}, indent=1))
        return 0
    rows: list[tuple[str, ...]] = [
        ("split", "both", "only A", "only B", "neither", "A", "B", "B - A", "95 %", "McNemar p")
    ]
    for split, pair in paired.items():
        low, high = pair.difference_interval()
        rows.append(
            (
                split,
                *map(str, (pair.both, pair.only_a, pair.only_b, pair.neither)),
                *(percent(rate) for rate in pair.rates),
                f"{100 * pair.difference:+.1f}",
                f"[{100 * low:+.1f}, {100 * high:+.1f}]",
                f"{pair.p_value:.3g}",
            )
        )
    print(f"A: {a}\nB: {b}\n{columns(rows)}")
    return 0


def _content(pair: Paired) -> dict[str, object]:
    return {
        "both": pair.both,
        "only_a": pair.only_a,
        "only_b": pair.only_b,
        "neither": pair.neither,
        "rate_a": pair.rates[0],
        "rate_b": pair.rates[1],
        "difference": pair.difference,
        "newcombe95": list(pair.difference_interval()),
        "mcnemar_p": pair.p_value,
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line of `compare`; returns its exit code."""
    return int(tyro.cli(compare, prog="inspire compare", args=arguments))
