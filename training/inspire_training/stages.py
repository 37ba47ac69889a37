"""Work in stages, each done once: skipped when it was finished before, and begun again by the same command when cut."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One stage: what it does, and what it leaves behind in folders.

    Attributes:
        trains: it leaves all cores but one idle. aside: it needs nothing of the stages before it and is done beside the
            trainings; its place is where it must have ended.
    """

    name: str
    run: Callable[[], Any]
    trains: bool = False
    aside: bool = False


def run_stages(folder: Path, listed: Sequence[Stage]) -> None:
    """Run the stages that are not done; stages.json in `folder` remembers what is, with its wall time in seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(folder / "stages.json")
    aside: dict[str, Aside] = {}
    for stage in listed:
        if stage.name in aside:
            aside[stage.name].finish()
        elif stage.name in progress.done:
            print(f"stage {stage.name}: done before, {progress.done[stage.name] / 60:.1f} min", flush=True)
        else:
            if stage.trains:
                missing = [other for other in listed if other.aside and other.name not in aside | progress.done]
                for other in missing:  # one after another: there may be one idle core
                    aside[other.name] = Aside(progress, other, after=next(reversed(aside.values()), None))
            progress.do(stage)


class Progress:
    """Which stages are done, remembered in a file with their wall times, s."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self.done: dict[str, float] = json.loads(path.read_text()) if path.is_file() else {}

    def do(self, stage: Stage) -> None:
        """Run a stage and remember it."""
        print(f"stage {stage.name}: starting", flush=True)
        started = time.monotonic()
        stage.run()
        with self._lock:
            self.done[stage.name] = round(time.monotonic() - started, 1)
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(self.done, indent=1) + "\n")
            partial.replace(self._path)
        print(f"stage {stage.name}: done, {self.done[stage.name] / 60:.1f} min", flush=True)


class Aside:
    """A stage that is done beside others. Its thread does not keep a program that is stopped."""

    def __init__(self, progress: Progress, stage: Stage, after: Aside | None = None) -> None:
        self._error: BaseException | None = None
        self._after = after
        self._thread = threading.Thread(target=self._do, args=(progress, stage), name=stage.name, daemon=True)
        self._thread.start()

    def _do(self, progress: Progress, stage: Stage) -> None:
        if self._after is not None:
            self._after._thread.join()
        try:
            progress.do(stage)
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        """Wait for its end. Raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
