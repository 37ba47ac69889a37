"""Chunk execution: which action is published for which observation, and when the model is asked again.

Everything is driven by the stamps of observations (int nanoseconds); there is no clock and no timer here. Step i of a
chunk that was computed from the observation at t applies at t + i periods.

- Lockstep: every `horizon` steps the model is asked and its first action answers that very observation.
- Real time: when `horizon` steps are done the model is asked, and the old chunk goes on, up to its length, until the
  new one is there; the new one is entered at the step that belongs to the present. When the old one runs out first,
  the arm holds (counted as underrun).
- A gap or a jump back of the stamps, or a new instruction, drops the chunk and what is being computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspire_policy.action import ActionContract, Lead

MAX_GAP_PERIODS = 1.5


@dataclass(frozen=True)
class Step:
    """One action to publish.

    Attributes:
        lead: the action. stamp: when it applies, ns. observation_stamp: observation it was computed from, ns.
        chunk_id: counted from 1; 0 before the first chunk. index: step of the chunk. hold: an underrun, the lead goes
            nowhere.
    """

    lead: Lead
    stamp: int
    observation_stamp: int
    chunk_id: int
    index: int
    hold: bool = False


@dataclass(frozen=True)
class Ticket:
    """A request for a chunk from the observation at `stamp`; void once the executor was reset."""

    generation: int
    stamp: int


@dataclass(frozen=True)
class Decision:
    """What to do about an observation: publish `step`, ask the model (`ticket`), or both; `repeat`: an observation met
    before.
    """

    step: Step | None = None
    ticket: Ticket | None = None
    repeat: bool = False


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
    ) -> None:
        if not 1 <= horizon <= chunk_length:
            raise ValueError(f"horizon: expected 1 to {chunk_length} steps (the chunk's length), found {horizon}")
        self._period = round(contract.period * 1e9)
        self._max_gap = round(max_gap_periods * contract.period * 1e9)
        self._chunk_length = chunk_length
        self._horizon = horizon
        self._lockstep = lockstep
        self._generation = 0
        self._leads: tuple[Lead, ...] = ()
        self._start = 0
        self._ticket: Ticket | None = None
        self._stamp: int | None = None
        self._step: Step | None = None
        self.chunk_id = 0
        self.underruns = 0
        self.gaps = 0

    def reset(self) -> None:
        """Forget the chunk, the one being computed and the last observation: a new instruction, or none."""
        self._drop()
        self._stamp = None
        self._step = None

    def _drop(self) -> None:
        self._generation += 1
        self._leads = ()
        self._ticket = None

    def observe(self, stamp: int) -> Decision:
        """Decide about the complete observation at `stamp` ns."""
        if stamp == self._stamp:
            return Decision(step=self._answer(), repeat=True)
        if self._stamp is not None and not 0 < stamp - self._stamp <= self._max_gap:
            self._drop()
            self.gaps += 1
            self._step = None
        self._stamp = stamp
        index = self._index(stamp)
        ticket = None
        if index >= self._horizon and self._ticket is None:
            ticket = self._ticket = Ticket(self._generation, stamp)
        if self._lockstep and index >= self._horizon:
            return Decision(ticket=ticket)
        return Decision(step=self._take(stamp, index), ticket=ticket)

    def deliver(self, ticket: Ticket, leads: Sequence[Lead]) -> Step | None:
        """Take over a computed chunk.

        Returns the action of the newest observation if that has not been answered yet.
        """
        if ticket != self._ticket:
            return None
        if len(leads) != self._chunk_length:
            raise ValueError(f"chunk: expected {self._chunk_length} actions, found {len(leads)}")
        self._ticket = None
        self._leads = tuple(leads)
        self._start = ticket.stamp
        self.chunk_id += 1
        if self._stamp is None or self._answer() is not None:
            return None
        index = self._index(self._stamp)
        if index >= self._chunk_length:
            return None
        self._step = Step(self._leads[index], self._stamp, self._start, self.chunk_id, index)
        return self._step

    @property
    def chunk(self) -> tuple[Step, ...]:
        """All actions of the chunk being executed, at the times they would apply."""
        return tuple(
            Step(lead, self._start + i * self._period, self._start, self.chunk_id, i)
            for i, lead in enumerate(self._leads)
        )

    def is_current(self, ticket: Ticket) -> bool:
        """Whether a chunk for this ticket is still wanted."""
        return ticket == self._ticket

    def _answer(self) -> Step | None:
        """The action already given for the newest observation."""
        return self._step if self._step is not None and self._step.stamp == self._stamp else None

    def _index(self, stamp: int) -> int:
        """Step of the chunk that belongs to `stamp`; the chunk's length when there is none."""
        return round((stamp - self._start) / self._period) if self._leads else self._chunk_length

    def _take(self, stamp: int, index: int) -> Step | None:
        if index < len(self._leads):
            self._step = Step(self._leads[index], stamp, self._start, self.chunk_id, index)
        elif self._step is not None:
            # Ran dry. The gripper stays as last commanded; the age limit of observations does not concern a hold.
            self.underruns += 1
            self._step = Step(Lead.hold(self._step.lead.opening), stamp, stamp, self.chunk_id, 0, hold=True)
        else:
            return None  # nothing was commanded yet: silence leaves the arm where it is
        return self._step
