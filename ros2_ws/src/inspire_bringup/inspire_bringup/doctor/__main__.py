"""What this machine has, what it lacks and how to mend it: `python -m inspire_bringup.doctor`, or `make doctor`.

Exit codes: 0 the demo can run (what is missing is optional), 2 something that it needs is missing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from inspire_bringup.doctor import machine, software
from inspire_bringup.doctor.finding import Finding, demo_can_run
from inspire_bringup.doctor.pace import check_pace
from inspire_bringup.environment import stack_environment
from inspire_bringup.errors import ExitCode
from inspire_bringup.options import Parser


def checks(*, bundle: str, folder: Path, quick: bool) -> Sequence[Callable[[], Finding]]:
    """All checks, in the order of the report.

    Args:
        bundle: that the demo would load. folder: where runs/ would be. quick: leave out the run of the simulation.
    """
    stack = stack_environment(os.environ, domain_id=0)
    return [
        lambda: software.check_ros(os.environ),
        lambda: software.check_dds(os.environ),
        machine.check_shared_memory,
        lambda: software.check_renderer(stack),
        software.check_engine,
        lambda: software.check_bundle(bundle),
        lambda: machine.check_disk(folder),
        machine.check_memory,
        *([] if quick else [check_pace]),
        machine.check_gpu,
        software.check_tensorrt,
        software.check_cameras,
        lambda: software.check_libero(os.environ),
        machine.check_governor,
        machine.check_real_time_limit,
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the report and return the exit code."""
    parser = Parser(
        prog="python -m inspire_bringup.doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="One JSON object on standard output instead of lines.")
    parser.add_argument("--quick", action="store_true", help="Leave out the run of the simulation (a few seconds).")
    parser.add_argument("--bundle", default="tabletop", help="The bundle to look at. Default: tabletop.")
    options = parser.parse_args(arguments)
    findings = []
    for check in checks(bundle=options.bundle, folder=Path.cwd(), quick=options.quick):
        finding = check()
        findings.append(finding)
        if not options.json:
            print(finding.line(), flush=True)
    possible = demo_can_run(findings)
    if options.json:
        print(json.dumps({"demo_can_run": possible, "findings": [dataclasses.asdict(f) for f in findings]}, indent=1))
    else:
        print(f"\nthe demo can{'' if possible else 'not'} run{'' if possible else ': mend what is MISSING first'}")
    return ExitCode.OK if possible else ExitCode.BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
