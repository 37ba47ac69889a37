"""What is finished in a folder of episodes: read at the start, one line appended per episode, progress said."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from inspire_sim.results import EpisodeResult
from inspire_training.evaluation.folder import (
    EPISODES_FILE,
    Settings,
    claim,
    not_writable,
    read_episodes,
    write_episodes,
)


class Ledger:
    """The finished episodes of one folder, by seed; several threads may add to it.

    Raises EvaluationError when the folder belongs to other settings or is not writable.
    """

    def __init__(self, settings: Settings, out: Path) -> None:
        self.out = out
        self._lock = threading.Lock()
        self._begin, self._todo, self._done = time.monotonic(), 0, 0
        claim(out, settings)
        try:
            self._finished = read_episodes(out)
            if self._finished:  # without what a crash cut off
                write_episodes(out, self._finished.values())
        except OSError as error:
            raise not_writable(out, error) from error

    def begin(self, seeds: Sequence[int]) -> list[int]:
        """The seeds that are not finished yet, in their order; progress counts from here."""
        missing = self.missing(seeds)
        if len(missing) < len(seeds):
            print(f"{len(seeds) - len(missing)} of {len(seeds)} episodes are already in {self.out / EPISODES_FILE}")
        self._begin, self._todo, self._done = time.monotonic(), len(missing), 0
        return missing

    def missing(self, seeds: Sequence[int]) -> list[int]:
        """Those of these seeds that are not finished."""
        return [seed for seed in seeds if seed not in self._finished]

    def results(self, seeds: Sequence[int]) -> list[EpisodeResult]:
        """The results of finished seeds, in their order."""
        return [self._finished[seed] for seed in seeds]

    def keep(self, result: EpisodeResult) -> None:
        """Append a result to the file and to the progress shown. Raises EvaluationError on a full disk."""
        with self._lock:
            try:
                with open(self.out / EPISODES_FILE, "a") as stream:
                    stream.write(result.to_json() + "\n")
            except OSError as error:
                raise not_writable(self.out, error) from error
            self._finished[result.seed] = result
            self._done += 1
            left = (time.monotonic() - self._begin) / self._done * max(0, self._todo - self._done)
            outcome = "success" if result.success else f"failed: {result.failure}, {result.stage}"
            print(
                f"[{self._done}/{self._todo}, {left / 60:.1f} min left] seed "
                f"{result.seed} {result.task}: {outcome}, {result.steps} steps",
                flush=True,
            )
