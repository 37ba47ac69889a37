"""Start a stack without `ros2 launch`, and optionally drive episodes: `python -m inspire_bringup.run sim ...`.

Without --episodes the stack runs until Ctrl-C. With it, one line of JSON per episode goes to standard output (the
fields of `inspire_sim.results.EpisodeResult`); everything for people goes to standard error. Exit codes: 0 every
episode succeeded (or the stack ran until stopped), 1 some failed, 2 bad input, 3 a node died.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from inspire_bringup.errors import BadInput, ExitCode
from inspire_bringup.options import (
    Parser,
    add_episode_options,
    add_stack_options,
    checked_request,
    finish,
    stack_values,
)
from inspire_bringup.record_stack import episode_recorder
from inspire_bringup.runner import Stopped, running, say
from inspire_bringup.stacks import SIM_ARGUMENTS, NodeSpec, Stack, recorder, scoring_of, sim_stack


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of this command."""
    parser = Parser(
        prog="python -m inspire_bringup.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stack", choices=("sim",), help="Which stack: sim, the simulated arm.")
    add_stack_options(parser, SIM_ARGUMENTS)
    add_episode_options(parser)
    parser.add_argument(
        "--episodes",
        type=int,
        default=0,
        help="Drive so many episodes, seeds counted up from --seed. Default: 0, none.",
    )
    parser.add_argument("--seeds", default="", help="Drive exactly these seeds instead, separated by commas.")
    parser.add_argument(
        "--logs", default="", help="Folder of the nodes' logs. Default: a new one in the system's temporary folder."
    )
    parser.add_argument("--record", default="", help="Record the topics to this MCAP file.")
    parser.add_argument(
        "--record-episodes", default="", help="Record every instruction to an MCAP file of its own in this folder."
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run and return the exit code. Raises BringupError."""
    options = parse(arguments)
    values = stack_values(options, SIM_ARGUMENTS)
    seeds = _seeds(options)
    request = checked_request(options, values)
    stack = sim_stack(**values)  # type: ignore[arg-type]
    extra = _recorders(options, stack)
    logs = Path(options.logs) if options.logs else Path(tempfile.mkdtemp(prefix="inspire_logs_"))
    with running(stack, log_folder=logs, extra_nodes=extra, domain_id=options.domain_id) as (_, check):
        say(f"{stack.name} stack in ROS domain {os.environ['ROS_DOMAIN_ID']}, logs in {logs}")
        if not seeds:
            return _serve(check)
        from inspire_bringup.episodes import EpisodeDriver
        from inspire_sim.results import EpisodeSpec

        failed = 0
        with EpisodeDriver(
            namespace=stack.namespace,
            commanded=stack.commander != "none",
            check=check,
            scoring=scoring_of(stack, options.bundle),
        ) as driver:
            driver.wait_ready(options.ready_timeout)
            for node in extra:
                if not driver.wait_heard_by(node.name, timeout=options.ready_timeout):
                    say(f"warning: {node.name} does not listen yet; its recording may lack the beginning")
            for seed in seeds:
                result = driver.run(
                    EpisodeSpec(seed, request.split or "train", request.task, request.instruction or "")
                )
                print(result.to_json(), flush=True)
                failed += not result.success
        return ExitCode.TASK_FAILED if failed else ExitCode.OK


def _recorders(options: argparse.Namespace, stack: Stack) -> tuple[NodeSpec, ...]:
    """The recorders that were asked for."""
    nodes = [recorder(stack, str(Path(options.record).resolve()))] if options.record else []
    if options.record_episodes:
        folder, bundle = str(Path(options.record_episodes).resolve()), options.bundle
        bundle = bundle if stack.commander == "policy" else ""
        nodes.append(episode_recorder(folder, namespace=stack.namespace, bundle=bundle))
    return tuple(nodes)


def _seeds(options: argparse.Namespace) -> list[int]:
    if options.seeds:
        try:
            seeds = [int(text) for text in options.seeds.split(",")]
        except ValueError:
            raise BadInput(f"seeds: expected whole numbers separated by commas, found {options.seeds!r}") from None
    else:
        seeds = list(range(options.seed, options.seed + options.episodes))
    if options.episodes < 0 or any(seed < 0 for seed in (*seeds, options.seed)):
        raise BadInput(
            f"episodes and seeds: expected 0 or more, found {options.episodes} episodes from seed {options.seed}"
        )
    return seeds


def _serve(check: Callable[[], None]) -> int:
    """Keep the stack running until a signal."""
    try:
        while True:
            check()
            time.sleep(0.2)
    except Stopped as stop:
        say(f"stopped by {stop}")
        return ExitCode.OK


if __name__ == "__main__":
    finish(main)
