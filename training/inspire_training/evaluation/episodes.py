"""The episodes of one setting in one folder, run by several stacks; what is there already is not run again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from inspire_sim.results import EpisodeResult
from inspire_training.evaluation.folder import EvaluationError, Settings
from inspire_training.evaluation.ledger import Ledger
from inspire_training.evaluation.stacks import Stacks, run_arguments

ATTEMPTS = 3  # stacks that may die on the same seeds before the evaluation gives up


class Evaluation:
    """Episodes of one setting in one folder.

    Raises EvaluationError when the folder belongs to other settings or is not writable.
    """

    def __init__(self, settings: Settings, out: Path, stacks: Stacks) -> None:
        self._settings = settings
        self._stacks = stacks
        self._ledger = Ledger(settings, out)

    def run(self, seeds: Sequence[int], workers: int) -> list[EpisodeResult]:
        """Run what is missing of these seeds; returns all of their results in the order of the seeds."""
        missing = self._ledger.begin(seeds)
        workers = max(1, min(workers, len(missing)))
        parts = [missing[i::workers] for i in range(workers)]
        jobs = [
            partial(run_seeds, self._stacks, self._settings, part, self._ledger, i)
            for i, part in enumerate(parts)
            if part
        ]
        self._stacks.side_by_side(jobs, workers)
        return self._ledger.results(seeds)


def run_seeds(stacks: Stacks, settings: Settings, seeds: Sequence[int], ledger: Ledger, worker: int) -> None:
    """One stack after another until these seeds are done; a stack that dies is replaced.

    Args:
        worker: names the logs.

    Raises:
        EvaluationError: bad input, or a stack that keeps dying.
    """
    attempts, missing = 0, list(seeds)
    while missing and not stacks.stopped:
        before = len(missing)
        arguments = run_arguments(settings, missing, ledger.out / f"logs_{worker}")
        log = ledger.out / f"worker_{worker}.log"
        code, complaint = stacks.run(
            "inspire_bringup.run", arguments, log, lambda line: ledger.keep(EpisodeResult.from_json(line))
        )
        missing = ledger.missing(missing)
        if code == 2:
            raise EvaluationError(complaint, 2)
        attempts = 0 if len(missing) < before else attempts + 1
        if missing and attempts >= ATTEMPTS:
            raise EvaluationError(
                f"expected a result of seed {missing[0]}, found none in {ATTEMPTS} attempts: {complaint}", 3
            )
