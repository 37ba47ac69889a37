"""Programs that do the same thing, timed in turns in one run: ratios hold on a busy machine too, times only on a quiet
one.

Every tick ends with its numbers in host memory, so that a device has been waited for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from inspire_policy.engines.protocol import Engine, EngineError
from inspire_policy.parity import ParitySample
from inspire_policy.programs.base import Program, Tick
from inspire_training.speed.floor import Floor
from inspire_training.speed.stages import REST, STAGES, TICK, StageClock

COLUMNS = (
    *("peer", "stage", "count", "p50_ms", "p95_ms", "p99_ms", "times_faster", "times_the_floor", "same_tokens"),
    "not_run",
)
NEAR = 0.02  # of a chunk's numbers in [-1, 1]: weights rounded to half precision stay below, another code does not
FLOOR = "floor of this device"
Make = Callable[[StageClock], Program]


@dataclass(frozen=True)
class Peer:
    """One way to tick: its name, its program over a clock, and whether the right answers are its draft."""

    name: str
    program: Program
    clock: StageClock
    draft: bool = False

    def tick(self, sample: ParitySample) -> Tick:
        """One tick of an observation."""
        self.clock.begin()
        return self.program.tick(replace(sample.job, draft=sample.draft) if self.draft else sample.job)


@dataclass
class Comparison:
    """Peers that run, what they took, and why others do not run.

    Attributes:
        reference: the peer whose tick the others are compared with. exact: whether all must say the same tokens.
        not_run: peer -> reason.
    """

    samples: Sequence[ParitySample]
    reference: str
    exact: bool = True
    peers: list[Peer] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    same: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, name: str, engine: Callable[[], Engine], make: Make, *, drafts: bool = False) -> None:
        """Try a way to tick, and with `drafts` also with the right answers as its draft; one whose library or device is
        missing is noted with the reason.
        """
        try:
            clock = StageClock(engine())
            program = make(clock)
            Peer(name, program, clock).tick(self.samples[0])
        except (EngineError, RuntimeError, ImportError, OSError) as error:
            self.not_run[name] = _reason(error)
            return
        self.peers.append(Peer(name, program, clock))
        if drafts:
            self.peers.append(Peer(f"{name}, draft accepted", program, clock, draft=True))

    def run(self, rounds: int, say: Callable[[str], None] = print) -> None:
        """`rounds` turns through the observations, and one before them to warm up. Raises ValueError where words differ
        that must not.
        """
        for turn in range(rounds + 1):
            for sample in self.samples:
                for peer in self.peers:
                    self._take(peer, sample, counted=turn > 0)
            say(f"bench: turn {turn} of {rounds}")

    def _take(self, peer: Peer, sample: ParitySample, *, counted: bool) -> None:
        tick = peer.tick(sample)
        words = tuple(answer.word for answer in tick.answers)
        if self.exact and words != sample.words:
            raise ValueError(
                f"{peer.name}: expected the answers {sample.words}, found {words}; export the bundle again"
            )
        if not counted:
            return
        near = float(np.abs(tick.rows - sample.rows).max()) <= NEAR
        self.same.setdefault(peer.name, []).append(words == sample.words and near)
        total = tick.timings["total"]
        stages = {**peer.clock.seconds, REST: total - sum(peer.clock.seconds.values()), TICK: total}
        self.seconds.setdefault(peer.name, []).append(stages)

    def rows(self, floor: Floor) -> list[dict[str, Any]]:
        """A row for each peer and stage, then the floor, then what was not run; see COLUMNS."""
        least = floor.of(self._fewest_runs())
        slowest = float(np.median([s[TICK] for s in self.seconds.get(self.reference, [])] or [np.nan]))
        rows = []
        for name, ticks in self.seconds.items():
            for stage in STAGES:
                p50, p95, p99 = np.percentile(np.array([t[stage] for t in ticks]), [50, 95, 99])
                row = {"peer": name, "stage": stage, "count": len(ticks)}
                row |= {"p50_ms": _ms(p50), "p95_ms": _ms(p95), "p99_ms": _ms(p99)}
                if least.get(stage):
                    row["times_the_floor"] = round(float(p50) / least[stage], 2)
                if stage == TICK:
                    row["times_faster"] = round(slowest / float(p50), 2) if np.isfinite(slowest) else ""
                    row["same_tokens"] = f"{sum(self.same[name])}/{len(ticks)}"
                rows.append(row)
        rows += [{"peer": FLOOR, "stage": stage, "p50_ms": _ms(s)} for stage, s in least.items()]
        rows += [{"peer": name, "stage": TICK, "not_run": reason} for name, reason in self.not_run.items()]
        return [{column: row.get(column, "") for column in COLUMNS} for row in rows]

    def _fewest_runs(self) -> list[tuple[str, int]]:
        """Of the graphs in a tick, where every draft holds."""
        tried = []
        for peer in self.peers:
            peer.tick(self.samples[0])
            tried.append(peer.clock.runs)
        return min(tried, key=len, default=[])


def _ms(seconds: float) -> float:
    return round(1e3 * float(seconds), 3)


def _reason(error: Exception) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return "out of device memory"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def csv_text(rows: Iterable[Mapping[str, Any]], machine: Mapping[str, str]) -> str:
    """A CSV file: the machine in lines that begin with #, then the rows."""
    stream = io.StringIO()
    stream.writelines(f"# {name}: {value}\n" for name, value in machine.items())
    rows = list(rows)
    writer = csv.DictWriter(stream, list(rows[0]) if rows else list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows for people: a line per peer, the stages beside each other (p50)."""
    stages = [stage for stage in STAGES if stage not in (TICK, REST)]
    heads = [*stages, "tick p50", "p95", "p99", "faster", "x floor"]
    lines = [f"{'ms':<52}" + "".join(f"{head:>10}" for head in heads)]
    by_peer: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        by_peer.setdefault(row["peer"], {})[row["stage"]] = row
    for name, found in by_peer.items():
        last = found.get(TICK, next(iter(found.values())))
        if last["not_run"]:
            lines.append(f"{name:<52}not run: {last['not_run']}")
            continue
        numbers = [found[stage]["p50_ms"] if stage in found else "" for stage in stages]
        numbers += [last[c] for c in ("p50_ms", "p95_ms", "p99_ms", "times_faster", "times_the_floor")]
        lines.append(f"{name:<52}" + "".join(f"{number:>10}" for number in numbers))
    return "\n".join(lines)
