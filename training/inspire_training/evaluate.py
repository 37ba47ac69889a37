"""`inspire evaluate`: many episodes through the ROS graph, success rates with Wilson intervals, a table, `result.json`.

Every worker is a whole stack (world, gate, commander, driver) started as `python -m inspire_bringup.run` in a ROS
domain of its own, whose lines of JSON are read here; this package never imports rclpy. Finished episodes are appended
to `episodes.jsonl` as they come, so that an interrupted evaluation goes on where it stopped.

Seeds: evaluation uses 1,000,000 + --seed and up; training and demonstrations stay below 500,000, so no scene is ever
shared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from inspire_sim.results import UNSEEN_SEEDS, EpisodeResult, summary, table

EPISODES_FILE = "episodes.jsonl"
SETTINGS_FILE = "settings.json"
RESULT_FILE = "result.json"
_ATTEMPTS = 3  # stacks that may die on the same seeds before the evaluation gives up


class EvaluationError(Exception):
    """The evaluation cannot go on; `exit_code` is 2 for bad input, 3 for a stack that keeps dying."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Settings:
    """What decides the numbers; two parts of one evaluation must agree on all of it."""

    bundle: str
    world: str
    mode: str
    commander: str
    split: str
    task: str
    instruction: str


def evaluate(
    bundle: str = "tabletop",
    world: str = "tabletop",
    episodes: int = 100,
    seed: int = 0,
    mode: str = "lockstep",
    through_ros: bool = True,
    out: Path = Path("runs/evaluation"),
    commander: str = "policy",
    split: str = "",
    task: str = "",
    instruction: str = "",
    workers: int = 1,
) -> int:
    """Evaluate a bundle, or the scripted expert, and write result.json.

    Args:
        bundle: name or folder of the bundle.
        world: tabletop, libero_spatial, libero_object, libero_goal, libero_10 or libero_90.
        episodes: how many, each with a seed of its own.
        seed: first seed, counted from 1,000,000.
        mode: lockstep or realtime.
        through_ros: the whole ROS graph; the only way there is.
        out: folder of episodes.jsonl and result.json; an interrupted evaluation there is continued.
        commander: policy or expert.
        split: held-out split of the world; empty: unseen_positions in tabletop, train elsewhere.
        task: name or index of one task; empty: drawn by the seed.
        instruction: told instead of the task's own words.
        workers: stacks side by side.

    Returns:
        0 when the evaluation is complete (whatever its rate), 2 bad input, 3 a stack that keeps dying.
    """
    split = split or ("unseen_positions" if world == "tabletop" else "train")
    settings = Settings(bundle, world, mode, commander, split, task, instruction)
    try:
        if not through_ros:
            raise EvaluationError("through_ros: expected true, found false; `inspire dagger` rolls out without ROS", 2)
        if episodes < 1 or workers < 1 or seed < 0:
            raise EvaluationError(
                f"expected episodes and workers >= 1, seed >= 0; found {episodes}, {workers}, {seed}", 2
            )
        seeds = [UNSEEN_SEEDS + seed + i for i in range(episodes)]
        results = Evaluation(settings, out).run(seeds, workers)
    except EvaluationError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(table(results))
    content = summary(results, settings=asdict(settings), first_seed=seeds[0])
    _write(out / RESULT_FILE, json.dumps(content, indent=1) + "\n")
    low, high = content["wilson95"]
    accuracy = content["direction_accuracy"]
    print(
        f"success {content['successes']}/{content['trials']} = "
        f"{content['success_rate']:.3f}, 95 % Wilson interval [{low:.3f}, {high:.3f}]"
    )
    if accuracy is not None:
        print(
            f"direction accuracy {accuracy:.3f} of {content['directions_compared']} "
            f"answers ({content['directions_tied']} ties left out)"
        )
    print(f"written: {out / RESULT_FILE}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command line of `evaluate`; returns its exit code."""
    import tyro

    return int(tyro.cli(evaluate, prog="inspire evaluate", args=arguments))


class Evaluation:
    """Episodes of one setting in one folder.

    Raises EvaluationError when the folder belongs to other settings or is not writable.
    """

    def __init__(self, settings: Settings, out: Path) -> None:
        self._settings = settings
        self._out = out
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._processes: set[subprocess.Popen[str]] = set()
        try:
            out.mkdir(parents=True, exist_ok=True)
            self._check_settings(out / SETTINGS_FILE)
            self._finished = _read(out / EPISODES_FILE)
            if self._finished:  # without what a crash cut off
                _write(out / EPISODES_FILE, "".join(result.to_json() + "\n" for result in self._finished.values()))
        except OSError as error:
            raise EvaluationError(
                f"out: expected a folder that can be written, found {out}: {error.strerror}; choose another", 2
            ) from error

    def run(self, seeds: list[int], workers: int) -> list[EpisodeResult]:
        """Run what is missing of these seeds; returns all of their results in the order of the seeds."""
        missing = [seed for seed in seeds if seed not in self._finished]
        if len(missing) < len(seeds):
            print(f"{len(seeds) - len(missing)} of {len(seeds)} episodes are already in {self._out / EPISODES_FILE}")
        workers = max(1, min(workers, len(missing)))
        self._begin, self._todo, self._done = time.monotonic(), len(missing), 0
        parts = [missing[i::workers] for i in range(workers)]
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(self._work, i, part) for i, part in enumerate(parts) if part]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._stop.set()
                for process in list(self._processes):
                    process.terminate()
                raise
        return [self._finished[seed] for seed in seeds]

    def _work(self, worker: int, seeds: list[int]) -> None:
        """One stack after another until these seeds are done; a stack that dies is replaced."""
        attempts = 0
        while seeds and not self._stop.is_set():
            before = len(seeds)
            code, complaint = self._stack(worker, seeds)
            seeds = [seed for seed in seeds if seed not in self._finished]
            if code == 2:
                raise EvaluationError(complaint, 2)
            attempts = 0 if len(seeds) < before else attempts + 1
            if seeds and attempts >= _ATTEMPTS:
                raise EvaluationError(
                    f"expected a result of seed {seeds[0]}, found none in {_ATTEMPTS} attempts: {complaint}", 3
                )

    def _stack(self, worker: int, seeds: list[int]) -> tuple[int, str]:
        """Run one stack over some seeds; returns its exit code and its last words."""
        s = self._settings
        log = self._out / f"worker_{worker}.log"
        command = [
            sys.executable, "-m", "inspire_bringup.run", "sim", "--world", s.world, "--mode", s.mode, "--commander",
            s.commander, "--bundle", s.bundle, "--split", s.split, "--task", s.task, "--seeds", ",".join(map(str,
            seeds)), "--logs", str(self._out / f"logs_{worker}"),
        ]  # fmt: skip
        if s.instruction:
            command += ["--instruction", s.instruction]
        with (
            open(log, "w") as errors,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True, env=_environment()
            ) as process,
        ):
            self._processes.add(process)
            assert process.stdout is not None
            for line in process.stdout:
                self._keep(EpisodeResult.from_json(line))
            code = process.wait()
            self._processes.discard(process)
        words = [line for line in log.read_text(errors="replace").splitlines() if "error: " in line]
        return code, words[-1].split("error: ", 1)[1] if words else f"exit code {code}; see {log}"

    def _keep(self, result: EpisodeResult) -> None:
        """Append a result to the file and to the progress shown."""
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

    def _check_settings(self, path: Path) -> None:
        mine = asdict(self._settings)
        if not path.exists():
            _write(path, json.dumps(mine, indent=1) + "\n")
            return
        try:
            theirs = json.loads(path.read_text())
        except ValueError:
            theirs = {}
        differing = [name for name, value in mine.items() if theirs.get(name) != value]
        if differing:
            name = differing[0]
            raise EvaluationError(
                f"out: expected a folder of an evaluation with {name} {mine[name]!r}, "
                f"found one with {theirs.get(name)!r} in {path.parent}; "
                "choose another --out",
                2,
            )


def _read(path: Path) -> dict[int, EpisodeResult]:
    """Finished episodes by seed; a last line that was cut off by a crash is left out."""
    results: dict[int, EpisodeResult] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            result = EpisodeResult.from_json(line)
        except ValueError:
            continue
        results[result.seed] = result
    return results


def _environment() -> dict[str, str]:
    """This environment without a ROS domain: every stack finds a free one."""
    return {name: value for name, value in os.environ.items() if name != "ROS_DOMAIN_ID"}


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there completely or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
