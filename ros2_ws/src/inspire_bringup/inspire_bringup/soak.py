"""Does any process of the simulated stack grow? `python -m inspire_bringup.soak` drives episodes for ten minutes.

World, gate, policy, monitor and recorder run as in the demo, in lockstep, one episode after another. The memory of each
process is read every half second: anonymous and shared memory, which is where a leak stands. Pages of files (libraries,
weights) are left out: the kernel maps and drops them as it likes, and a share of them (PSS) grows when another process
that maps the same file ends. Growth is the median of the last fifth of the time over that of the second, the first is
the warm-up.
Exit codes: 0 no process grew by more than --limit, 1 one did, 2 bad input, 3 a node died.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inspire_bringup.errors import BadInput, ExitCode
from inspire_bringup.options import Parser, finish
from inspire_bringup.record_stack import episode_recorder
from inspire_bringup.runner import running, say
from inspire_bringup.stacks import COMMANDERS, sim_stack

EVERY = 0.5  # s
PARTS = 5  # of the time; in the first one engines, allocators and caches fill up
LIMIT = 1.0  # %


@dataclass
class Memory:
    """Memory of processes over time. process: name -> pid; series: name -> (s, MB)."""

    process: Mapping[str, int]
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def read(self, at: float) -> None:
        """Add a sample of each process that lives."""
        for name, pid in self.process.items():
            megabytes = own_memory(pid)
            if megabytes is not None:
                self.series.setdefault(name, []).append((at, megabytes))


def own_memory(pid: int) -> float | None:
    """MB of resident memory that no file stands behind; None when the process does not live."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
    return sum(kilobytes) * 1.024e-3 if kilobytes else None  # a zombie has none


def medians(samples: Sequence[tuple[float, float]]) -> list[float]:
    """MB in each fifth of the time. Raises ValueError on too few samples."""
    if len(samples) < 2 * PARTS:
        raise ValueError(f"soak: expected {2 * PARTS} samples or more, found {len(samples)}; take more --minutes")
    begin, end = samples[0][0], samples[-1][0]
    parts: list[list[float]] = [[] for _ in range(PARTS)]
    for at, megabytes in samples:
        parts[min(int(PARTS * (at - begin) / (end - begin)), PARTS - 1)].append(megabytes)
    return [statistics.median(part) if part else math.nan for part in parts]


def growth(parts: Sequence[float]) -> float:
    """Per cent, from the part after the warm-up to the last; NaN where nothing was read in one of them."""
    return 100.0 * (parts[-1] - parts[1]) / parts[1]


def soak(minutes: float, commander: str, folder: Path, *, domain_id: int | None = None) -> tuple[Memory, int, int]:
    """Drive episodes; (memory, episodes, successes). Raises BringupError."""
    stack = sim_stack(commander=commander, agreement="warn" if commander == "policy" else "off")
    recorder = episode_recorder(str(folder / "episodes"))
    with running(stack, log_folder=folder, extra_nodes=(recorder,), domain_id=domain_id) as (processes, check):
        from inspire_bringup.episodes import EpisodeDriver
        from inspire_sim.results import UNSEEN_SEEDS, EpisodeSpec

        memory = Memory({node.name: processes.pid(node.name) for node in (*stack.nodes, recorder)})
        with EpisodeDriver(namespace=stack.namespace, commanded=True, check=check) as driver:
            driver.wait_ready(120.0)
            begin, over = time.monotonic(), threading.Event()
            sampler = threading.Thread(target=_sample, args=(memory, begin, over), daemon=True)
            sampler.start()
            episodes = successes = 0
            while time.monotonic() - begin < 60.0 * minutes:
                result = driver.run(EpisodeSpec(UNSEEN_SEEDS + episodes))
                episodes, successes = episodes + 1, successes + result.success
                for recording in (folder / "episodes").glob("*.mcap"):  # the disk is not what is tested
                    recording.unlink()
            over.set()
            sampler.join()
    return memory, episodes, successes


def _sample(memory: Memory, begin: float, over: threading.Event) -> None:
    while not over.wait(EVERY):
        memory.read(time.monotonic() - begin)


def judged(memory: Memory, limit: float, tell: Callable[[str], None] = print) -> bool:
    """Print a line for each process; whether none grew by more than `limit` per cent."""
    tell(f"{'MB by fifths of time':<22}" + "".join(f"{part + 1:>9}" for part in range(PARTS)) + f"{'growth':>11}")
    fine = True
    for name, samples in memory.series.items():
        parts = medians(samples)
        per_cent = growth(parts)
        within = per_cent <= limit  # not so for NaN
        fine = fine and within
        verdict = "" if within else f"   expected {limit:g} % at most"
        tell(f"{name:<22}" + "".join(f"{part:>9.2f}" for part in parts) + f"{per_cent:>9.2f} %{verdict}")
    return fine


def main(arguments: list[str] | None = None) -> int:
    """Run and return the exit code. Raises BringupError."""
    parser = Parser(
        prog="python -m inspire_bringup.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="How long. Default: 10.")
    parser.add_argument("--limit", type=float, default=LIMIT, help="Growth allowed, per cent. Default: %(default)g.")
    parser.add_argument("--commander", choices=COMMANDERS[:2], default="policy", help="Default: policy.")
    parser.add_argument("--domain-id", type=int, default=None, help="ROS domain; not given: as for the demo.")
    options = parser.parse_args(arguments)
    if not options.minutes > 0:
        raise BadInput(f"minutes: expected more than 0, found {options.minutes}")
    with tempfile.TemporaryDirectory(prefix="inspire_soak_") as folder:
        memory, episodes, successes = soak(
            options.minutes, options.commander, Path(folder), domain_id=options.domain_id
        )
    say(f"{episodes} episodes, {successes} successes")
    try:
        fine = judged(memory, options.limit)
    except ValueError as error:
        raise BadInput(str(error)) from error
    return ExitCode.OK if fine else ExitCode.TASK_FAILED


if __name__ == "__main__":
    finish(main)
