"""Videos of an evaluation's episodes: both cameras, question and answer.

An episode is run again with a recorder, and its recording is made into a video: in lockstep the same seed is the same
episode, so recording need not slow every episode down for the sake of the few that fail. A video that turned out
otherwise, as may happen in realtime, is pointed out. What cannot be made is a warning; numbers never depend on it.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from inspire_sim.results import EpisodeResult
from inspire_training.evaluation.folder import Settings
from inspire_training.evaluation.stacks import Stacks, run_arguments

Videos = Literal["failures", "none", "all"]
FAILURES_FOLDER = "failures"
SUCCESSES_FOLDER = "successes"


def video_path(folder: Path, result: EpisodeResult) -> Path:
    """Where the video of an episode lies in the folder of its evaluation."""
    return folder / (SUCCESSES_FOLDER if result.success else FAILURES_FOLDER) / f"seed_{result.seed}.mp4"


def missing_videos(folder: Path, results: Iterable[EpisodeResult], wanted: Videos) -> list[EpisodeResult]:
    """The episodes whose video is wanted and not there yet."""
    if wanted == "none":
        return []
    return [r for r in results if (wanted == "all" or not r.success) and not video_path(folder, r).exists()]


class VideoMaker:
    """Makes the videos of one setting's episodes, several side by side."""

    def __init__(self, settings: Settings, folder: Path, stacks: Stacks) -> None:
        self._settings = settings
        self._folder = folder
        self._stacks = stacks
        self._lock = threading.Lock()

    def make(self, results: Sequence[EpisodeResult], workers: int) -> int:
        """Make the videos of these episodes; returns how many came out."""
        self._made, self._wanted = 0, len(results)
        self._stacks.side_by_side([partial(self._one, result) for result in results], workers)
        return self._made

    def _one(self, result: EpisodeResult) -> None:
        video = video_path(self._folder, result)
        again: list[EpisodeResult] = []
        try:
            video.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="inspire_video_") as scratch:
                recording, log = Path(scratch) / "topics.mcap", Path(scratch) / "log"
                arguments = [*run_arguments(self._settings, [result.seed], Path(scratch) / "logs"), "--record"]
                code, complaint = self._stacks.run(
                    "inspire_bringup.run", [*arguments, str(recording)], log,
                    lambda line: again.append(EpisodeResult.from_json(line)),
                )  # fmt: skip
                if code in (0, 1):
                    code, complaint = self._stacks.run(
                        "inspire_bringup.video", [str(recording), "--out", str(video)], log
                    )
                if code != 0:
                    complaint = complaint.split("; see ")[0]  # the log goes with this folder
        except OSError as error:
            code, complaint = 3, f"{error.filename}: {error.strerror}"
        if self._stacks.stopped:
            return
        with self._lock:
            if code != 0:
                print(f"warning: no video of seed {result.seed}: {complaint}", file=sys.stderr)
                return
            self._made += 1
            print(f"[{self._made}/{self._wanted}] {video}", flush=True)
            if [(r.success, r.steps) for r in again] != [(result.success, result.steps)]:
                found = ", ".join(_outcome(r) for r in again) or "nothing"
                print(
                    f"warning: {video}: expected the episode of the evaluation ({_outcome(result)}), found {found}; "
                    "realtime, or the code or the bundle has changed since",
                    file=sys.stderr,
                )


def _outcome(result: EpisodeResult) -> str:
    return f"{'success' if result.success else result.failure} after {result.steps} steps"
