"""The fault matrix as a table: `python -m inspire_arm.faults`. Exit code 1 on any violation."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from inspire_arm.adapters import CONTROLLERS, STIFF_POSE
from inspire_arm.faults.kinds import KINDS
from inspire_arm.faults.trial import Fault, run_trial

SHOWN = 3  # violations of a kind that are told in full


@dataclass
class Row:
    """One kind of fault over its trials. worst: s from the onset to the hold, None where there was none."""

    fault: Fault
    trials: int = 0
    broken: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    worst: float | None = None

    def text(self) -> str:
        """The row of the table."""
        fault = self.fault
        worst = "" if self.worst is None else f"{1000 * self.worst:.0f}"
        limit = "" if fault.hold_within is None else f"{1000 * fault.hold_within:.0f}"
        seen = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common())
        return f"| {fault.name} | {self.trials} | {len(self.broken)} | {worst} | {limit} | {fault.latched} | {seen} |"


HEAD = (
    "| fault | trials | violations | worst time to hold, ms | limit, ms | latched | reasons seen (trials) |\n"
    "|---|---|---|---|---|---|---|"
)


def measure(fault: Fault, trials: int, first: int = 0) -> Row:
    """Run seeded trials of one kind."""
    row = Row(fault)
    for seed in range(first, first + trials):
        outcome = run_trial(fault, seed)
        row.trials += 1
        row.reasons.update(outcome.reasons)
        row.broken.extend(f"seed {seed}: {sentence}" for sentence in outcome.violations)
        if outcome.hold_after is not None:
            row.worst = max(row.worst or 0.0, outcome.hold_after)
    return row


def _with(controller: str, fault: Fault) -> Fault:
    """The same kind of fault with another adapter; a stiff target may be taken back to the arm in any of them."""
    if fault.setup.controller != CONTROLLERS[0]:  # a kind that belongs to one adapter
        return fault
    also = (*fault.also, "arm_lags") if controller == STIFF_POSE else fault.also
    return replace(fault, also=also, setup=replace(fault.setup, controller=controller))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m inspire_arm.faults", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="seeded trials of each kind (default 1000)")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first trial (default 0)")
    parser.add_argument("--kinds", nargs="*", default=[], metavar="KIND", help="only these; default: all")
    parser.add_argument(
        "--controller",
        choices=CONTROLLERS,
        default=CONTROLLERS[0],
        help="the adapter under test (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    unknown = set(options.kinds) - {fault.name for fault in KINDS}
    if unknown or options.trials < 1:
        parser.error(f"expected --trials of at least 1 and kinds among {', '.join(f.name for f in KINDS)}")
    started = time.process_time()
    print(HEAD)
    rows = []
    for fault in KINDS:
        if not options.kinds or fault.name in options.kinds:
            rows.append(measure(_with(options.controller, fault), options.trials, options.first_seed))
            print(rows[-1].text(), flush=True)
    violations = sum(len(row.broken) for row in rows)
    spent = time.process_time() - started
    print(
        f"\n{len(rows)} kinds, {sum(row.trials for row in rows)} trials, {violations} violations, {spent:.0f} s of CPU"
    )
    for row in rows:
        for sentence in row.broken[:SHOWN]:
            print(f"{row.fault.name}: {sentence}", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
