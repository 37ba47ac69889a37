"""Command-line options made from a stack's arguments, and the one way a command ends."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inspire_bringup.checks import Request, checked
from inspire_bringup.environment import stack_environment
from inspire_bringup.errors import BringupError, ExitCode
from inspire_bringup.runner import Stopped, say, stop_on_signals
from inspire_bringup.stacks import StackArgument, Value


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints read like all others here: expected, found, how to mend."""

    def error(self, message: str) -> Any:
        """Exit with code 2 and one line."""
        say(f"error: {message}; see `{self.prog} --help`")
        sys.exit(ExitCode.BAD_INPUT)


def add_stack_options(parser: argparse.ArgumentParser, arguments: Sequence[StackArgument]) -> None:
    """Add `--name` for every argument of a stack."""
    group = parser.add_argument_group("the stack")
    for argument in arguments:
        choices = f" One of {', '.join(argument.choices)}." if argument.choices else ""
        group.add_argument(
            "--" + argument.name.replace("_", "-"),
            default=argument.default,
            metavar=argument.name.upper(),
            help=f"{argument.description}{choices} Default: {argument.default!r}.",
        )


def stack_values(options: argparse.Namespace, arguments: Sequence[StackArgument]) -> Mapping[str, Value]:
    """The values of a stack's arguments, of the right types. Raises BadInput."""
    return {argument.name: argument.parse(getattr(options, argument.name)) for argument in arguments}


def add_episode_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which episode is run."""
    group = parser.add_argument_group("the episode")
    group.add_argument("--seed", type=int, default=0, help="Seed of the (first) episode. Default: 0.")
    group.add_argument(
        "--task",
        default="",
        help="Name or index of a task of the world; empty: chosen by the seed, or by the instruction.",
    )
    group.add_argument(
        "--instruction", default=None, help="What to tell the commander; not given: the task's own words."
    )
    group.add_argument("--split", default="", help="Held-out split of the world; empty: train.")
    parser.add_argument(
        "--ready-timeout",
        type=float,
        default=120.0,
        help="Seconds within which every node must have reported itself. Default: 120.",
    )
    parser.add_argument(
        "--domain-id", type=int, default=None, help="ROS domain; not given: $ROS_DOMAIN_ID, else a free one."
    )


def checked_request(options: argparse.Namespace, values: Mapping[str, Value]) -> Request:
    """What the options of stack and episode ask for, with task and split filled in. Raises BadInput."""
    world, commander, bundle = (str(values[name]) for name in ("world", "commander", "bundle"))
    wanted = Request(world, commander, bundle, options.task, options.instruction, options.split)
    return checked(wanted, stack_environment({"ROS_DOMAIN_ID": "0", **os.environ}))


def finish(main: Callable[[], int]) -> None:
    """Run a command and exit with its code; expected failures print one message, others a traceback and code 3.

    The interpreter's own clean-up is skipped: everything is stopped and flushed by then, and loaded libraries may take
    long.
    """
    stop_on_signals()
    code: int
    try:
        code = main()
    except BringupError as error:
        say(f"error: {error}")
        code = error.exit_code
    except Stopped as stop:
        say(f"stopped by {stop}")
        code = 128 + stop.number
    except Exception:
        traceback.print_exc()
        code = ExitCode.INTERNAL
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
