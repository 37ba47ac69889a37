"""The fault matrix through the graph as a table: `python -m inspire_bringup.faults`. Exit code 1 on any violation.

Real processes in realtime over DDS, see the package. Times are the publishers' own. "lag" is the worst lateness of a
timer of 5 ms in this process around the worst trial; where it explains a late hold, the row says "machine late".
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from inspire_bringup.errors import BadInput, ExitCode
from inspire_bringup.faults.kinds import KINDS
from inspire_bringup.faults.rig import Rig
from inspire_bringup.faults.trial import Kind, Outcome, run_trial
from inspire_bringup.options import Parser, finish
from inspire_bringup.runner import say

SHOWN = 3  # violations of a kind that are told in full
HEAD = (
    "| fault | trials | violations | worst time to hold, ms | limit, ms | lag, ms | machine late | reasons seen |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass
class Row:
    """One kind of fault over its trials."""

    kind: Kind
    trials: int = 0
    broken: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    worst: Outcome | None = None
    late: int = 0

    def add(self, outcome: Outcome) -> None:
        """A trial more."""
        self.trials += 1
        self.broken += outcome.violations
        self.reasons.update(outcome.reasons)
        self.late += outcome.machine_late
        if self.worst is None or (outcome.hold_after or 0.0) >= (self.worst.hold_after or 0.0):
            self.worst = outcome

    def text(self) -> str:
        """The row of the table."""
        kind, worst = self.kind, self.worst
        hold = "" if worst is None or worst.hold_after is None else f"{1e3 * worst.hold_after:.0f}"
        limit = f"{1e3 * kind.within:.0f}" if kind.hold else ""
        lag = "" if worst is None else f"{1e3 * worst.lag:.0f}"
        seen = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common())
        return (
            f"| {kind.name} | {self.trials} | {len(self.broken)} | {hold} | {limit} | {lag} | {self.late or ''} | "
            f"{seen} |"
        )


def run(kinds: list[Kind], trials: int, folder: Path, *, bundle: str = "tabletop", first: int = 0) -> list[Row]:
    """Try kinds, printing a row each. Raises StackFailure when the stand does not come up."""
    rows = []
    for number, (setup, group) in enumerate(groupby(kinds, key=lambda kind: kind.setup)):
        with Rig(setup, folder / f"rig_{number}", bundle=bundle) as rig:
            for kind in group:
                row = Row(kind)
                for seed in range(first, first + trials):
                    row.add(run_trial(rig, kind, seed))
                rows.append(row)
                print(row.text(), flush=True)
                for sentence in row.broken[:SHOWN]:
                    say(f"{kind.name}: {sentence}")
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Print the table and return the exit code. Raises BringupError."""
    parser = Parser(
        prog="python -m inspire_bringup.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=5, help="Trials of each kind. Default: 5.")
    parser.add_argument("--first-seed", type=int, default=0, help="Seed of the first trial. Default: 0.")
    parser.add_argument("--kinds", nargs="*", default=[], metavar="KIND", help="Only these. Default: all.")
    parser.add_argument("--bundle", default="tabletop", help="The policy's bundle. Default: tabletop.")
    parser.add_argument("--logs", default="", help="Folder of the nodes' logs. Default: a temporary one.")
    options = parser.parse_args(arguments)
    unknown = set(options.kinds) - {kind.name for kind in KINDS}
    if unknown or options.trials < 1:
        names = ", ".join(kind.name for kind in KINDS)
        raise BadInput(f"faults: expected --trials of at least 1 and kinds among {names}, found {sorted(unknown)}")
    kinds = [kind for kind in KINDS if not options.kinds or kind.name in options.kinds]
    folder = Path(options.logs) if options.logs else Path(tempfile.mkdtemp(prefix="inspire_faults_"))
    say(f"{len(kinds)} kinds through the graph, logs in {folder}")
    print(HEAD, flush=True)
    rows = run(kinds, options.trials, folder, bundle=options.bundle, first=options.first_seed)
    violations = sum(len(row.broken) for row in rows)
    late = sum(row.late for row in rows)
    print(
        f"\n{len(rows)} kinds, {sum(row.trials for row in rows)} trials through the graph, {violations} violations, "
        f"{late} holds late because the machine was"
    )
    return ExitCode.TASK_FAILED if violations else ExitCode.OK


if __name__ == "__main__":
    finish(main)
