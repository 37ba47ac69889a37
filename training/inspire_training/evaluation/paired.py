"""Two evaluations of the same seeds, episode by episode: the paired table, McNemar's exact test, an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inspire_sim.results import EpisodeResult, wilson_interval


@dataclass(frozen=True)
class Paired:
    """How many episodes both solved, only a, only b, neither."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @classmethod
    def of(cls, a: Sequence[EpisodeResult], b: Sequence[EpisodeResult]) -> Paired:
        """Count episodes of the same seeds, in any order."""
        solved = {e.seed: e.success for e in b}
        pairs = [(e.success, solved[e.seed]) for e in a]
        return cls(*(pairs.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def trials(self) -> int:
        """How many pairs there are."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def rates(self) -> tuple[float, float]:
        """Success rates of a and b."""
        return (self.both + self.only_a) / self.trials, (self.both + self.only_b) / self.trials

    @property
    def difference(self) -> float:
        """Rate of b minus rate of a."""
        return (self.only_b - self.only_a) / self.trials

    @property
    def p_value(self) -> float:
        """McNemar's exact test, two-sided: were only_a and only_b drawn with a fair coin?"""
        discordant = self.only_a + self.only_b
        tail = sum(math.comb(discordant, k) for k in range(min(self.only_a, self.only_b) + 1))
        return min(1.0, 2 * tail / 2**discordant)

    def difference_interval(self, z: float = 1.96) -> tuple[float, float]:
        """Interval of `difference` (95 % for z = 1.96): Newcombe's score interval for paired rates (his method 10),
        made of the two Wilson intervals and the correlation of the pairs. It stays within -1 and 1, and is no point
        where all pairs agree.
        """
        n = self.trials
        b, a = self.both + self.only_b, self.both + self.only_a
        (b_low, b_high), (a_low, a_high) = wilson_interval(b, n, z), wilson_interval(a, n, z)
        phi = self._correlation()
        down, up = b / n - b_low, b_high - b / n
        a_down, a_up = a / n - a_low, a_high - a / n
        low = self.difference - math.sqrt(max(0.0, down**2 - 2 * phi * down * a_up + a_up**2))
        high = self.difference + math.sqrt(max(0.0, up**2 - 2 * phi * up * a_down + a_down**2))
        return max(-1.0, low), min(1.0, high)

    def _correlation(self) -> float:
        """Correlation of the pairs with the continuity correction of method 10."""
        margins = (self.both + self.only_a) * (self.only_b + self.neither)
        margins *= (self.both + self.only_b) * (self.only_a + self.neither)
        if margins == 0:
            return 0.0
        product: float = self.both * self.neither - self.only_a * self.only_b
        if product > 0:
            product = max(0.0, product - self.trials / 2)
        return product / math.sqrt(margins)
