"""Chunk execution: which action is published for which observation, and when the model is asked again.

Everything is driven by the stamps of observations (int nanoseconds); there is no clock and no timer here. Step i of a
chunk that was computed from the observation at t applies at t + i periods.

- Lockstep: every `horizon` steps the model is asked, and the observation that it is asked about is answered once it has
  answered: by the first action of the new chunk or, with `added_latency`, by what goes on meanwhile. The same
  observations then always give the same actions.
- Real time: inference overlaps motion. When `horizon` steps are done the model is asked (earlier, when a chunk would
  else run out before the next one is there), and the old chunk goes on until the new one is there.
- A new chunk is entered at the step that belongs to the present: what inference took is cut off its front, and made up
  for (see catching_up). Its first `blend` actions are mixed with what the old chunk had for the same moments.
- When the old chunk runs out first, the arm holds (counted as underrun) and goes on with the next chunk.
- A gap or a jump back of the stamps, or a new instruction, drops the chunk and what is being computed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from inspire_policy.action import ActionContract, Lead
from inspire_policy.blending import cross_fade, new_share
from inspire_policy.catching_up import Way

MAX_GAP_PERIODS = 1.5
LATENCIES_REMEMBERED = 20  # chunks; the slowest of them decides how early the next one is asked for


@dataclass(frozen=True)
class Step:
    """One action to publish.

    Attributes:
        lead: the action. stamp: when it applies, ns. observation_stamp: observation it was computed from, ns.
        chunk_id: counted from 1; 0 before the first chunk. index: step of the chunk. hold: nothing is planned for this
            moment (an underrun, or the first chunk is still to come), the lead goes nowhere.
    """

    lead: Lead
    stamp: int
    observation_stamp: int
    chunk_id: int
    index: int
    hold: bool = False


@dataclass(frozen=True)
class Ticket:
    """A request for a chunk of `length` actions from the observation at `stamp`; void once the executor was reset."""

    generation: int
    stamp: int
    length: int


@dataclass(frozen=True)
class Decision:
    """What to do about an observation: publish `step`, ask the model (`ticket`), or both; `repeat`: an observation met
    before.
    """

    step: Step | None = None
    ticket: Ticket | None = None
    repeat: bool = False


@dataclass(frozen=True)
class _Chunk:
    """Actions of a computed chunk and the observation that it comes from, ns."""

    leads: tuple[Lead, ...] = ()
    start: int = 0


class ChunkExecutor:
    """One chunk being executed and at most one being computed. Not thread-safe."""

    def __init__(
        self,
        *,
        contract: ActionContract,
        chunk_length: int,
        horizon: int,
        lockstep: bool,
        max_gap_periods: float = MAX_GAP_PERIODS,
        blend: int = 0,
        catch_up: bool = False,
        added_latency: float = 0.0,
    ) -> None:
        """
        Args:
            contract: gives the control period. chunk_length: actions per chunk. horizon: actions executed of each.
            lockstep: whether the world waits for every action.
            max_gap_periods: stamps further apart than this drop the plan.
            blend: actions mixed at a seam. catch_up: make up for what was done instead of a chunk's first actions.
                Neither where the world waits for inference: there nothing overlaps.
            added_latency: s that inference shall take in lockstep, counted in whole periods, rounded up.

        Raises:
            ValueError: a horizon outside the chunk.
        """
        self._period = round(contract.period * 1e9)
        self._max_gap = round(max_gap_periods * contract.period * 1e9)
        self._lockstep = lockstep
        self._delay = periods_of(added_latency, contract.period) if lockstep else 0
        overlaps = self._delay > 0 or not lockstep
        self._blend = blend if overlaps else 0
        self._way = Way(contract) if catch_up and overlaps else None
        # In real time a chunk is there for the next observation at the earliest.
        self._latencies: deque[int] = deque([self._delay if lockstep else 1], maxlen=LATENCIES_REMEMBERED)
        self.exchange(chunk_length, horizon)
        self._generation = 0
        self._chunk, self._old, self._next = _Chunk(), _Chunk(), _Chunk()
        self._seam: int | None = None
        self._ticket: Ticket | None = None
        self._stamp: int | None = None
        self._opening = 1.0
        self._step: Step | None = None
        self.chunk_id = 0
        self.underruns = 0
        self.gaps = 0

    def exchange(self, chunk_length: int, horizon: int) -> None:
        """From the next request on, chunks have another length; the plan at hand goes on.

        Raises ValueError on a horizon outside the chunk.
        """
        if not 1 <= horizon <= chunk_length:
            raise ValueError(f"horizon: expected 1 to {chunk_length} steps (the chunk's length), found {horizon}")
        self._chunk_length, self._horizon = chunk_length, horizon

    def reset(self) -> None:
        """Forget the chunk, the one being computed and the last observation: a new instruction, or none."""
        self._drop()
        self._stamp = None
        self._step = None

    def _drop(self) -> None:
        self._generation += 1
        self._chunk, self._old, self._next = _Chunk(), _Chunk(), _Chunk()
        self._ticket = None
        if self._way is not None:
            self._way.forget()

    def observe(self, stamp: int, opening: float = 1.0) -> Decision:
        """Decide about the complete observation at `stamp` ns.

        Args:
            opening: of the gripper, 0..1: what a hold keeps before anything was commanded.
        """
        if stamp == self._stamp:
            return Decision(step=self._answer(), repeat=True)
        if self._stamp is not None and not 0 < stamp - self._stamp <= self._max_gap:
            self._drop()
            self.gaps += 1
            self._step = None
        self._stamp, self._opening = stamp, opening
        self._enter()
        ticket = None
        if self._ticket is None and not self._next.leads and self._index(stamp) >= self._ask_at:
            ticket = self._ticket = Ticket(self._generation, stamp, self._chunk_length)
            if self._lockstep:
                return Decision(ticket=ticket)
        return Decision(step=self._take(stamp), ticket=ticket)

    def deliver(self, ticket: Ticket, leads: Sequence[Lead]) -> Step | None:
        """Take over a computed chunk.

        Returns the action of the newest observation if that has not been answered yet.
        """
        if ticket != self._ticket:
            return None
        if len(leads) != ticket.length:
            raise ValueError(f"chunk: expected {ticket.length} actions, found {len(leads)}")
        assert self._stamp is not None
        self._ticket = None
        self._next = _Chunk(tuple(leads), ticket.stamp)
        if not self._lockstep:  # the observation after this one is the first that can use it
            self._latencies.append(1 + round((self._stamp - ticket.stamp) / self._period))
        self._enter()
        return self._take(self._stamp) if self._answer() is None else None

    @property
    def chunk(self) -> tuple[Step, ...]:
        """All actions of the newest chunk as computed, at the times they would apply."""
        newest, number = (self._next, self.chunk_id + 1) if self._next.leads else (self._chunk, self.chunk_id)
        return tuple(
            Step(lead, newest.start + i * self._period, newest.start, number, i) for i, lead in enumerate(newest.leads)
        )

    def is_current(self, ticket: Ticket) -> bool:
        """Whether a chunk for this ticket is still wanted."""
        return ticket == self._ticket

    @property
    def _ask_at(self) -> int:
        """Step of the chunk from which on the next one is asked for: the horizon, or as early as it must be to be there
        before this one runs out.
        """
        return min(self._horizon, max(1, len(self._chunk.leads) - max(self._latencies)))

    def _enter(self) -> None:
        """Go over to the chunk that was computed, once it may be used."""
        if self._stamp is None or not self._next.leads:
            return
        if self._stamp - self._next.start >= self._delay * self._period:
            self._old, self._chunk, self._next = self._chunk, self._next, _Chunk()
            self._seam = None
            self.chunk_id += 1

    def _answer(self) -> Step | None:
        """The action already given for the newest observation."""
        return self._step if self._step is not None and self._step.stamp == self._stamp else None

    def _index(self, stamp: int) -> int:
        """Step of the chunk that belongs to `stamp`; the chunk's length when there is none."""
        return round((stamp - self._chunk.start) / self._period) if self._chunk.leads else self._chunk_length

    def _take(self, stamp: int) -> Step | None:
        """The action of the observation at `stamp`; None where the arm is left alone."""
        step = self._planned(stamp)
        if step is not None:
            self._step = step
            if self._way is not None:
                self._way.note(stamp, step.lead)
        return step

    def _planned(self, stamp: int) -> Step | None:
        index = self._index(stamp)
        chunk = self._chunk
        if index < len(chunk.leads):
            lead = self._blended(index, stamp)
            if self._way is not None:
                lead = self._way.caught_up(lead, chunk.leads[:index], chunk.start)
            return Step(lead, stamp, chunk.start, self.chunk_id, index)
        if chunk.leads:
            if self._step is None:
                return None
            self.underruns += 1
        elif not self._lockstep:
            return None  # nothing was commanded yet: silence leaves the arm where it is
        # The gripper stays as last commanded; the age limit of observations does not concern a hold.
        opening = self._opening if self._step is None else self._step.lead.opening
        return Step(Lead.hold(opening), stamp, stamp, self.chunk_id, 0, hold=True)

    def _blended(self, index: int, stamp: int) -> Lead:
        """The chunk's action, mixed with the old chunk's for the same moment right after the seam."""
        lead = self._chunk.leads[index]
        if self._seam is None:
            self._seam = stamp
        share = new_share(round((stamp - self._seam) / self._period), self._blend)
        earlier = round((stamp - self._old.start) / self._period)
        if share >= 1.0 or not 0 <= earlier < len(self._old.leads):
            return lead
        return cross_fade(self._old.leads[earlier], lead, share)


def periods_of(seconds: float, period: float) -> int:
    """Whole control periods that cover `seconds`, both in s; a hair above a whole number is no further period."""
    return math.ceil(seconds / period - 1e-6)
