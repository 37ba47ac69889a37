"""Stacks as processes: `python -m inspire_bringup.run ...`, whose lines are read here; nothing here imports rclpy."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inspire_training.evaluation.folder import Settings


class Stacks:
    """The processes of one evaluation: several jobs side by side, all of them ended when one fails or Ctrl-C comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self.stopped = False

    def side_by_side(self, jobs: Sequence[Callable[[], None]], workers: int) -> None:
        """Run jobs in threads, so many at a time; the first exception ends all processes and is raised here."""
        with ThreadPoolExecutor(max(1, workers)) as pool:
            futures = [pool.submit(self._unless_stopped, job) for job in jobs]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                with self._lock:
                    self.stopped = True
                    for process in self._processes:
                        process.terminate()
                raise

    def run(
        self, module: str, arguments: Sequence[str], log: Path, on_line: Callable[[str], None] = lambda line: None
    ) -> tuple[int, str]:
        """Run `python -m module arguments` to its end.

        Args:
            log: file of its standard error. on_line: called with every line of its standard output.

        Returns:
            exit code and last words: its complaint, else where the log is.
        """
        with open(log, "w") as errors:
            with self._lock:
                if self.stopped:
                    return 143, "stopped"
                process = subprocess.Popen(
                    [sys.executable, "-m", module, *arguments],
                    stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True, env=_environment(),
                )  # fmt: skip
                self._processes.add(process)
            with process:
                assert process.stdout is not None
                for line in process.stdout:
                    on_line(line)
                code = process.wait()
        with self._lock:
            self._processes.discard(process)
        words = [line for line in log.read_text(errors="replace").splitlines() if "error: " in line]
        return code, words[-1].split("error: ", 1)[1] if words else f"exit code {code}; see {log}"

    def _unless_stopped(self, job: Callable[[], None]) -> None:
        if not self.stopped:
            job()


def run_arguments(settings: Settings, seeds: Sequence[int], logs: Path) -> list[str]:
    """Arguments of `inspire_bringup.run` for these seeds; the nodes' logs go to a folder."""
    s = settings
    arguments = [
        "sim", "--world", s.world, "--mode", s.mode, "--commander", s.commander, "--bundle", s.bundle, "--split",
        s.split, "--task", s.task, "--seeds", ",".join(map(str, seeds)), "--logs", str(logs),
    ]  # fmt: skip
    if s.instruction:
        arguments += ["--instruction", s.instruction]
    if s.latency:
        arguments += ["--added-latency", str(s.latency)]
    if s.language_every != 1:
        arguments += ["--language-every", str(s.language_every)]
    if s.latent:
        arguments += ["--ask-questions", "false"]
    if s.image_size != Settings.image_size:
        arguments += ["--image-size", str(s.image_size)]
    return arguments


def _environment() -> dict[str, str]:
    """This environment without a ROS domain: every stack finds a free one."""
    return {name: value for name, value in os.environ.items() if name != "ROS_DOMAIN_ID"}
