"""Does any process of the simulated stack grow? `python -m inspire_bringup.soak` drives episodes for ten minutes.

World, gate, policy, monitor and recorder run as in the demo, in lockstep, one episode after another. The memory of each
process (PSS: its own pages and its share of shared ones) is read every half second; growth is the median of the last
fifth over the median of the fifth after the warm-up.
Exit codes: 0 no process grew by more than --limit, 1 one did, 2 bad input, 3 a node died.
"""

from __future__ import annotations

import argparse
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
WARM_UP = 0.2  # of the time; engines, allocators and caches fill up
LIMIT = 1.0  # %


@dataclass
class Memory:
    """Memory of processes over time. process: name -> pid; series: name -> (s, MB)."""

    process: Mapping[str, int]
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def read(self, at: float) -> None:
        """Add a sample of each process that lives."""
        for name, pid in self.process.items():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            self.series.setdefault(name, []).append((at, kilobytes / 1e3))


def growth(samples: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """MB after the warm-up, MB at the end, and the growth in per cent. Raises ValueError on too few samples."""
    if len(samples) < 10:
        raise ValueError(f"soak: expected 10 samples or more, found {len(samples)}; take more --minutes")
    begin, end = samples[0][0], samples[-1][0]
    fifth = (end - begin) / 5
    first = begin + WARM_UP * (end - begin)
    before = statistics.median(mb for at, mb in samples if first <= at <= first + fifth)
    after = statistics.median(mb for at, mb in samples if at >= end - fifth)
    return before, after, 100.0 * (after - before) / before


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
    tell(f"{'process':<20}{'MB, warm':>12}{'MB, end':>12}{'growth':>12}")
    fine = True
    for name, samples in memory.series.items():
        before, after, per_cent = growth(samples)
        fine = fine and per_cent <= limit
        verdict = "" if per_cent <= limit else f"   more than {limit:g} %"
        tell(f"{name:<20}{before:>12.1f}{after:>12.1f}{per_cent:>10.2f} %{verdict}")
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
