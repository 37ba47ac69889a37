"""What the arm did instead of a chunk's first actions, made up for.

A chunk plans a way from its observation on: a lead moves the tool by v = lead gain x lead. While it was computed the
old chunk was executed instead, so the tool is not where the new one, entered some steps later, takes it to be; and as
leads are relative, it would carry that error on. The difference of the two ways, by the same rule, is therefore added
to its leads, and so closes at the rate of the lead gain. Translation only: the turns of a few periods differ little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from inspire_policy.action import ActionContract, Lead

REMEMBERED = 256  # actions; the longest chunk


class Way:
    """The actions that were executed, by stamp in ns. Args: contract: gives gain, period and the largest lead."""

    def __init__(self, contract: ActionContract) -> None:
        self._period = round(contract.period * 1e9)
        self._per_lead = contract.lead_gain * contract.period  # what a lead moves the tool in one period, share of it
        self._largest = contract.max_translation
        self._executed: deque[tuple[int, np.ndarray]] = deque(maxlen=REMEMBERED)

    def note(self, stamp: int, lead: Lead) -> None:
        """A lead was executed from `stamp` on."""
        self._executed.append((stamp, lead.translation))

    def forget(self) -> None:
        """The arm may be anywhere."""
        self._executed.clear()

    def caught_up(self, lead: Lead, leads: Sequence[Lead], start: int) -> Lead:
        """A lead with what is missing to the planned way, at most the contract's largest per axis.

        Args:
            lead: to be executed now. leads: those planned before it in its chunk. start: when the first was to be
                executed, ns.
        """
        done = {round((stamp - start) / self._period): moved for stamp, moved in self._executed if stamp >= start}
        missing, moved = np.zeros(3), np.zeros(3)
        for index, planned in enumerate(leads):
            moved = done.get(index, moved)  # an action that was not replaced goes on
            missing += planned.translation - moved
        if not missing.any():
            return lead
        translation = np.clip(lead.translation + self._per_lead * missing, -self._largest, self._largest)
        return Lead(translation, lead.rotation, lead.opening)
