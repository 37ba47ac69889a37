"""Start a robot's stack, or its cameras, without `ros2 launch`: `python -m inspire_bringup.serve robot --arm franka`.

It runs until Ctrl-C. Exit codes: 0 stopped, 2 bad input, 3 a node died. The simulated stack, which also drives
episodes, is `python -m inspire_bringup.run sim`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from inspire_bringup.camera_stack import CAMERA_ARGUMENTS, camera_stack
from inspire_bringup.errors import ExitCode
from inspire_bringup.options import Parser, add_stack_options, finish, stack_values
from inspire_bringup.robot_stack import ROBOT_ARGUMENTS, robot_stack
from inspire_bringup.runner import Stopped, running, say
from inspire_bringup.stacks import Stack, StackArgument

STACKS: dict[str, tuple[Sequence[StackArgument], Callable[..., Stack]]] = {
    "robot": (ROBOT_ARGUMENTS, robot_stack),
    "camera": (CAMERA_ARGUMENTS, camera_stack),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of this command."""
    parser = Parser(
        prog="python -m inspire_bringup.serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stacks = parser.add_subparsers(dest="stack", required=True, parser_class=Parser)
    for name, (described, _) in STACKS.items():
        stack = stacks.add_parser(name, help=f"the stack of {name}.launch.py")
        add_stack_options(stack, described)
        stack.add_argument("--logs", default="", help="Folder of the nodes' logs. Default: a new temporary one.")
        stack.add_argument(
            "--domain-id", type=int, default=None, help="ROS domain; not given: $ROS_DOMAIN_ID, else a free one."
        )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run and return the exit code. Raises BringupError."""
    options = parse(arguments)
    described, make = STACKS[options.stack]
    stack = make(**stack_values(options, described))
    logs = Path(options.logs) if options.logs else Path(tempfile.mkdtemp(prefix="inspire_logs_"))
    with running(stack, log_folder=logs, domain_id=options.domain_id) as (_, check):
        say(f"{stack.name} stack in ROS domain {os.environ['ROS_DOMAIN_ID']}, logs in {logs}")
        try:
            while True:
                check()
                time.sleep(0.2)
        except Stopped as stop:
            say(f"stopped by {stop}")
            return ExitCode.OK


if __name__ == "__main__":
    finish(main)
