"""One trial of one kind of fault: a stream is disturbed, played to a gate, and judged by the witness and the kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from inspire_arm.faults.stream import Arm, Setup, Stream, feed, undisturbed
from inspire_arm.faults.witness import Witness

Place = tuple[float, float, float]


@dataclass(frozen=True)
class Fault:
    """A kind of fault as data.

    Attributes:
        name: of the kind. does: what happens to the stream of inputs. inject: does it.
        reasons: names that every trial must count. also: names that a trial may count besides; any other is wrong.
        hold_within: s from the onset to the hold, None where none is due. latched: the fault that must be latched.
        lasting: nothing moves any more after the hold. moves: whether the arm moves at all.
        seconds: length of a trial. setup: of the gate. start: where the tool is at first, give or take 1 cm on each
            axis, m.
    """

    name: str
    does: str
    inject: Callable[[Stream], None]
    reasons: tuple[str, ...] = ()
    _: KW_ONLY
    also: tuple[str, ...] = ()
    hold_within: float | None = None
    latched: str = ""
    lasting: bool = False
    moves: bool = True
    seconds: float = 0.36
    setup: Setup = field(default_factory=Setup)
    start: Place = (0.45, 0.0, 0.35)


@dataclass(frozen=True)
class Outcome:
    """What came of a trial. hold_after: s from the onset to the first hold, None where there was none."""

    violations: tuple[str, ...]
    reasons: frozenset[str]
    hold_after: float | None


def run_trial(fault: Fault, seed: int) -> Outcome:
    """Play one trial. The same fault and seed give the same trial."""
    generator = random.Random(f"{fault.name} {seed}")
    stream = undisturbed(generator, fault.seconds)
    x, y, z = (value + generator.uniform(-0.01, 0.01) for value in fault.start)
    arm = Arm((x, y, z))
    fault.inject(stream)
    gate = fault.setup.gate()
    witness = Witness(fault.setup)
    hold_at: int | None = None
    moved_again = False
    for event in sorted(stream.events, key=lambda event: event.at):
        if event.what == "pose":
            event.data = arm.measure(event)
        motions = witness.motions
        command = feed(gate, event)
        witness.see(event, command, gate.snapshot)
        if command is None:
            continue
        arm.told(command)
        if witness.motions > motions:
            moved_again |= hold_at is not None
        elif hold_at is None and event.at >= stream.onset and witness.held:
            hold_at = event.at
    hold_after = None if hold_at is None else (hold_at - stream.onset) * 1e-9
    latched = {reason.name for reason in gate.snapshot.latched}
    return Outcome(
        tuple(witness.broken + _judge(fault, witness, hold_after, moved_again, latched)),
        frozenset(witness.reasons),
        hold_after,
    )


def _judge(fault: Fault, witness: Witness, hold_after: float | None, moved_again: bool, latched: set[str]) -> list[str]:
    broken = []
    seen = set(witness.reasons)
    if not set(fault.reasons) <= seen:
        broken.append(f"expected the reasons {sorted(fault.reasons)}, found {sorted(seen)}")
    if not seen <= {*fault.reasons, *fault.also}:
        broken.append(f"unexpected reasons {sorted(seen - {*fault.reasons, *fault.also})}")
    if fault.hold_within is not None and (hold_after is None or hold_after > fault.hold_within):
        broken.append(f"expected a hold within {fault.hold_within} s, found one after {hold_after} s")
    if latched != ({fault.latched} if fault.latched else set()):
        broken.append(f"expected {fault.latched or 'nothing'} latched, found {sorted(latched)}")
    if fault.lasting and moved_again:
        broken.append("it moved again after the hold")
    if fault.moves != bool(witness.motions):
        broken.append("it moved" if witness.motions else "it did not move at all")
    return broken
