"""One trial of a kind of fault through the graph: move, break something, watch, judge.

A hold that is late is the machine's fault only where this process itself was kept waiting, around the fault, for at
least as long as the hold was late.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from inspire_msgs.msg import GateStatus

from inspire_bringup.errors import StackFailure
from inspire_bringup.faults.envelope import broken
from inspire_bringup.faults.rig import CALM, GATE, Rig, Setup

PROMISE = 0.1  # s, two control periods
PATIENCE = 3.0  # s beyond the limit in which a late hold is still waited for
AFTER = 0.3  # s watched after the hold
DRAINED = 0.3  # s for what is still on the way, where nothing newer comes
COUNTED = 0.6  # s after which the gate's counts have been published
ATTEMPTS = 5  # to catch the arm moving when the fault comes

Inject = Callable[[Rig], int]
Check = Callable[[Rig, int], list[str]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: stable. does: in words. inject: breaks something; returns since when it is broken, steady ns.
        reasons: names that the gate must count. told: what the commander's reason must begin with, or a complaint in
            the diagnostics. latched: the fault that must be latched. ended: the process that is gone afterwards.
        hold: whether a hold must be published within `within` s. lasting: nothing has to move afterwards; after a hold,
            nothing may.
        seconds: s that are watched where no hold is waited for. check: more that must hold; given the onset.
        setup: what runs.
    """

    name: str
    does: str
    inject: Inject
    reasons: tuple[str, ...] = ()
    told: str = ""
    latched: str = ""
    ended: str = ""
    hold: bool = True
    within: float = PROMISE
    lasting: bool = True
    seconds: float = 1.0
    check: Check | None = None
    setup: Setup = field(default_factory=Setup)


@dataclass
class Outcome:
    """hold_after: s from the onset, None without. lag: the machine's worst lateness around it, s."""

    violations: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    hold_after: float | None = None
    lag: float = 0.0
    machine_late: bool = False


def run_trial(rig: Rig, kind: Kind, seed: int) -> Outcome:
    """One trial; the rig is as before afterwards. Raises StackFailure when the stand itself does not come up."""
    rng = np.random.default_rng(seed)
    onset = _moving_onset(rig, kind, rng)
    try:
        outcome = _watch(rig, kind, onset)
    finally:
        rig.finish()
    return outcome


def _moving_onset(rig: Rig, kind: Kind, rng: np.random.Generator) -> int:
    """Inject while the arm moves; on a busy machine it may have stopped by itself just before."""
    for _ in range(ATTEMPTS):
        rig.begin()
        time.sleep(rng.uniform(0.0, 0.05))
        rig.seen.mark()
        before = time.monotonic_ns()
        onset = kind.inject(rig)
        if not rig.seen.holds(before - 200_000_000) or rig.seen.holds(before - 200_000_000)[0].at >= onset:
            return onset
        rig.finish()
    raise StackFailure(f"{kind.name}: expected the arm to move when the fault came, found it holding {ATTEMPTS} times")


def _watch(rig: Rig, kind: Kind, onset: int) -> Outcome:
    seen, outcome = rig.seen, Outcome()
    limit = onset + int((kind.within + PATIENCE) * 1e9)
    if kind.hold:
        while not seen.holds(onset) and time.monotonic_ns() < limit:
            time.sleep(0.01)
        time.sleep(AFTER)
    else:
        time.sleep(max(0.0, kind.seconds - (time.monotonic_ns() - onset) * 1e-9))
    _wait(lambda: not _missing(rig, kind, onset), COUNTED + PATIENCE)
    until = time.monotonic_ns()
    _wait(lambda: seen.read_until(until), DRAINED)  # a flood takes this process time to read
    outcome.violations += _missing(rig, kind, onset)
    outcome.reasons = [*seen.counted(), *(f"{name} ended: {status}" for name, status in rig.ended.items())]
    outcome.lag = rig.lag.worst(onset - 100_000_000, until)
    if kind.hold:
        _judge_hold(rig, kind, onset, outcome)
    elif not kind.lasting and not seen.motions(onset + int(0.5e9 * kind.seconds)):
        outcome.violations.append("expected the arm to move on, found it still")
    if kind.check is not None:
        outcome.violations += kind.check(rig, onset)
    since = onset - int(CALM * 1e9)  # before that the arm may have been another one
    outcome.violations += broken(
        seen.motions(since, until),
        seen.holds(since, until),
        list(seen.poses),
        list(seen.openings),
        envelope=rig.envelope,
        contract=rig.contract,
    )
    return outcome


def _judge_hold(rig: Rig, kind: Kind, onset: int, outcome: Outcome) -> None:
    """Of a lasting kind the hold is the one after the last motion: a busy machine makes the arm hold now and then."""
    moved = rig.seen.motions(onset) if kind.lasting else []
    holds = rig.seen.holds(moved[-1].at if moved else onset)
    if not holds:
        after = f"; {len(moved)} commands of motion" if moved else ""
        outcome.violations.append(f"expected a hold that lasts, found none{after}")
        return
    outcome.hold_after = (holds[0].at - onset) * 1e-9
    outcome.lag = rig.lag.worst(onset - 100_000_000, holds[0].at)
    excess = outcome.hold_after - kind.within
    if excess > 0:
        outcome.machine_late = outcome.lag >= excess
        if not outcome.machine_late:
            outcome.violations.append(
                f"a hold after {1e3 * outcome.hold_after:.0f} ms, {1e3 * excess:.0f} ms late; this process was late by "
                f"{1e3 * outcome.lag:.0f} ms at most"
            )


def _missing(rig: Rig, kind: Kind, onset: int) -> list[str]:
    """Names that were not told yet."""
    seen = rig.seen
    found = []
    if kind.ended:
        if kind.ended not in rig.ended:
            found.append(f"expected {kind.ended} to end, found it running")
    elif seen.gate is None:
        found.append("expected a status of the gate, found none")
    if kind.ended != GATE:
        counts = seen.counted()
        lacking = [name for name in kind.reasons if name not in counts]
        if lacking:
            found.append(f"expected the reasons {', '.join(lacking)}, found {', '.join(counts) or 'none'}")
        state = None if seen.gate is None else seen.gate.state
        if kind.latched and (kind.latched not in seen.latched() or state != GateStatus.FAULT):
            found.append(f"expected the fault {kind.latched}, found {', '.join(seen.latched()) or 'none'}")
    told = [reason for at, reason in seen.reasons if at >= onset] + seen.complaints
    if kind.told and not any(reason.startswith(kind.told) for reason in told):
        found.append(f"expected to be told {kind.told}, found {[reason[:60] for reason in told if reason]}")
    return found


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
