"""The episodes of one setting in one folder, run by several stacks; what is there already is not run again."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from inspire_sim.results import EpisodeResult
from inspire_training.evaluation.folder import (
    EPISODES_FILE,
    EvaluationError,
    Settings,
    claim,
    not_writable,
    read_episodes,
    write_episodes,
)
from inspire_training.evaluation.stacks import Stacks, run_arguments

_ATTEMPTS = 3  # stacks that may die on the same seeds before the evaluation gives up


class Evaluation:
    """Episodes of one setting in one folder.

    Raises EvaluationError when the folder belongs to other settings or is not writable.
    """

    def __init__(self, settings: Settings, out: Path, stacks: Stacks) -> None:
        self._settings = settings
        self._out = out
        self._stacks = stacks
        self._lock = threading.Lock()
        claim(out, settings)
        try:
            self._finished = read_episodes(out)
            if self._finished:  # without what a crash cut off
                write_episodes(out, self._finished.values())
        except OSError as error:
            raise not_writable(out, error) from error

    def run(self, seeds: Sequence[int], workers: int) -> list[EpisodeResult]:
        """Run what is missing of these seeds; returns all of their results in the order of the seeds."""
        missing = [seed for seed in seeds if seed not in self._finished]
        if len(missing) < len(seeds):
            print(f"{len(seeds) - len(missing)} of {len(seeds)} episodes are already in {self._out / EPISODES_FILE}")
        workers = max(1, min(workers, len(missing)))
        self._begin, self._todo, self._done = time.monotonic(), len(missing), 0
        parts = [missing[i::workers] for i in range(workers)]
        jobs = [partial(self._work, i, part) for i, part in enumerate(parts) if part]
        self._stacks.side_by_side(jobs, workers)
        return [self._finished[seed] for seed in seeds]

    def _work(self, worker: int, seeds: list[int]) -> None:
        """One stack after another until these seeds are done; a stack that dies is replaced."""
        attempts = 0
        while seeds and not self._stacks.stopped:
            before = len(seeds)
            arguments = run_arguments(self._settings, seeds, self._out / f"logs_{worker}")
            log = self._out / f"worker_{worker}.log"
            code, complaint = self._stacks.run("inspire_bringup.run", arguments, log, self._keep)
            seeds = [seed for seed in seeds if seed not in self._finished]
            if code == 2:
                raise EvaluationError(complaint, 2)
            attempts = 0 if len(seeds) < before else attempts + 1
            if seeds and attempts >= _ATTEMPTS:
                raise EvaluationError(
                    f"expected a result of seed {seeds[0]}, found none in {_ATTEMPTS} attempts: {complaint}", 3
                )

    def _keep(self, line: str) -> None:
        """Append a result to the file and to the progress shown."""
        result = EpisodeResult.from_json(line)
        with self._lock:
            with open(self._out / EPISODES_FILE, "a") as stream:
                stream.write(result.to_json() + "\n")
            self._finished[result.seed] = result
            self._done += 1
            left = (time.monotonic() - self._begin) / self._done * (self._todo - self._done)
            outcome = "success" if result.success else f"failed: {result.failure}, {result.stage}"
            print(
                f"[{self._done}/{self._todo}, {left / 60:.1f} min left] seed "
                f"{result.seed} {result.task}: {outcome}, {result.steps} steps",
                flush=True,
            )
