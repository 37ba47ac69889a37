"""Comparing answers with the truth: at equal stamps, by key (of directions the signed axis), toss-ups left out and
counted.

Answers and truth come as two streams in any order; a pair is counted once both sides of a stamp are there.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping

from inspire_policy.scoring import TrueAnswer

_KEPT = 512  # stamps remembered while the other side is missing: 25 s at 20 Hz


class DirectionTally:
    """Counts of right and wrong answers, per true word."""

    def __init__(self) -> None:
        self._truth: OrderedDict[int, Mapping[str, TrueAnswer]] = OrderedDict()
        self._answers: OrderedDict[int, Mapping[str, tuple[str, int | str]]] = OrderedDict()
        self.compared = 0
        self.right = 0
        self.ties = 0
        self.answers = 0
        self.confusions: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._right: Counter[str] = Counter()

    def add_truth(self, stamp: int, truth: Mapping[str, TrueAnswer]) -> None:
        """The truth at a stamp (ns), by object.

        Repeated stamps are ignored.
        """
        if stamp not in self._truth:
            self._remember(self._truth, stamp, truth)
            self._match(stamp)

    def add_answers(self, stamp: int, answers: Mapping[str, tuple[str, int | str]]) -> None:
        """The answers computed from the observation at a stamp (ns): object -> (word, key).

        Repeats are ignored.
        """
        if stamp not in self._answers:
            self.answers += len(answers)
            self._remember(self._answers, stamp, answers)
            self._match(stamp)

    @property
    def directions(self) -> dict[str, tuple[int, int]]:
        """True word -> (asked, right)."""
        return {word: (count, self._right[word]) for word, count in sorted(self._asked.items())}

    @staticmethod
    def _remember(stream: OrderedDict, stamp: int, entry: Mapping) -> None:
        stream[stamp] = entry
        while len(stream) > _KEPT:
            stream.popitem(last=False)

    def _match(self, stamp: int) -> None:
        if stamp not in self._truth or stamp not in self._answers:
            return
        truth = self._truth[stamp]
        for name, (word, key) in self._answers[stamp].items():
            if name not in truth:
                continue
            true = truth[name]
            if true.tied:
                self.ties += 1
                continue
            self.compared += 1
            self._asked[true.word] += 1
            if key == true.key:
                self.right += 1
                self._right[true.word] += 1
            else:
                self.confusions[f"{true.word}>{word}"] += 1
