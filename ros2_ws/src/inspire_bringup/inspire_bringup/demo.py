"""The main job, once: start the stack, give an instruction, show what happens, judge it, leave a video and a recording.

`python -m inspire_bringup.demo --world tabletop --commander policy --seed 0` writes `runs/<time>/` with `video.mp4`
(both cameras, questions and answers), `topics.mcap`, `result.json` and `logs/`. Exit codes: 0 success, 1 the task
failed, 2 bad input, 3 a node died.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from inspire_bringup.errors import BadInput, ExitCode
from inspire_bringup.options import (
    Parser,
    add_episode_options,
    add_stack_options,
    checked_request,
    finish,
    stack_values,
)
from inspire_bringup.processes import Exit
from inspire_bringup.runner import running, say
from inspire_bringup.stacks import SIM_ARGUMENTS, recorder, scoring_of, sim_stack
from inspire_sim.results import REFUSED, EpisodeResult, EpisodeSpec, summary


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of this command."""
    parser = Parser(
        prog="python -m inspire_bringup.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_stack_options(parser, SIM_ARGUMENTS)
    add_episode_options(parser)
    parser.add_argument("--out", default="", help="Folder of the run; it must not exist. Default: runs/<time>.")
    parser.add_argument("--no-video", action="store_true", help="Write no video.")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return the exit code. Raises BringupError."""
    options = parse(arguments)
    values = stack_values(options, SIM_ARGUMENTS)
    if values["commander"] == "none":
        raise BadInput(
            "commander: expected policy or expert in a demo, found none; use inspire_bringup.run for your own commander"
        )
    if options.seed < 0:
        raise BadInput(f"seed: expected 0 or more, found {options.seed}")
    request = checked_request(options, values)
    stack = sim_stack(**values)  # type: ignore[arg-type]
    folder = _new_folder(options.out)
    notes: dict[str, Any] = {}
    recording = folder / "topics.mcap"

    def on_exit(exit_: Exit) -> None:
        notes["recording_error"] = exit_.complaint()
        say(f"warning: {exit_.complaint()}")

    say(
        f"starting {', '.join(node.name for node in stack.nodes)} "
        f"({values['world']}, {values['mode']}); logs in {folder / 'logs'}"
    )
    begin = time.monotonic()
    with running(
        stack,
        log_folder=folder / "logs",
        extra_nodes=(recorder(stack, str(recording)),),
        domain_id=options.domain_id,
        on_exit=on_exit,
    ) as (_, check):
        from inspire_bringup.episodes import EpisodeDriver  # the nodes start while rclpy is being imported

        scoring = scoring_of(stack, options.bundle)
        with EpisodeDriver(namespace=stack.namespace, check=check, scoring=scoring) as driver:
            driver.wait_ready(options.ready_timeout)
            if not driver.wait_heard_by("recorder"):
                say("warning: expected the recorder to listen by now, found it late; the recording may begin late")
            say(f"ready after {time.monotonic() - begin:.1f} s, ROS domain {os.environ['ROS_DOMAIN_ID']}")
            spec = EpisodeSpec(options.seed, request.split or "train", request.task, request.instruction or "")
            result = driver.run(spec, on_started=lambda text: say(f'instruction: "{text}"'), on_progress=_Printer())
    if not options.no_video:
        _video(recording, folder / "video.mp4", notes)
    _write_result(folder / "result.json", result, values, notes)
    print(verdict(result), flush=True)
    say(f"written: {', '.join(sorted(path.name for path in folder.iterdir()))} in {folder}")
    return ExitCode.OK if result.success else ExitCode.BAD_INPUT if result.failure == REFUSED else ExitCode.TASK_FAILED


def verdict(result: EpisodeResult) -> str:
    """One plain sentence: what happened, after how long, and why not."""
    after = f"after {result.steps} steps, {result.wall_s:.1f} s"
    if len(result.objects) == 2:
        target, place = result.objects
        where = f"{'in' if place in ('bin', 'basket', 'drawer', 'bowl') else 'on'} the {place}"
        outcome = f"the {target} is {'' if result.success else 'not '}{where}"
    else:
        outcome = f'"{result.instruction}" is {"" if result.success else "not "}done'
    if result.success:
        return f"success: {outcome} {after}"
    return f"failed: {outcome} {after} ({result.reason or result.failure}; {result.stage})"


class _Printer:
    """Prints the answers when they change, and a sign of life every two seconds."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}
        self._last = time.monotonic()

    def __call__(self, progress: Any) -> None:
        changed = progress.answers != self._answers
        if changed or time.monotonic() - self._last > 2.0:
            words = ", ".join(f"{name}: {word}" for name, word in progress.answers.items())
            say(f"  step {progress.step:>3} of {progress.max_steps}  {words}")
            self._answers, self._last = progress.answers, time.monotonic()


def _new_folder(out: str) -> Path:
    """The folder of this run, made now. Raises BadInput where that cannot be."""
    folder = Path(out) if out else Path("runs") / time.strftime("%Y-%m-%d_%H-%M-%S")
    for attempt in range(100):
        candidate = folder if attempt == 0 else folder.with_name(f"{folder.name}_{attempt}")
        try:
            candidate.mkdir(parents=True)
            return candidate.resolve()
        except FileExistsError:
            if out:
                raise BadInput(
                    f"out: expected a folder that does not exist yet, found {folder}; choose another"
                ) from None
        except OSError as error:
            raise BadInput(
                f"out: expected a folder that can be written, found {candidate}: {error.strerror}; choose another"
            ) from error
    raise BadInput(f"out: expected a free name like {folder}, found a hundred taken")


def _video(recording: Path, video: Path, notes: dict[str, Any]) -> None:
    """Render the video; a run without one is still a run, and its result says so."""
    if not recording.is_file():
        notes["video_error"] = "no recording to make it from"
        return
    from inspire_bringup.video import write_video

    try:
        notes["video_frames"] = write_video(recording, video)
    except (BadInput, OSError) as error:
        notes["video_error"] = str(error)
        say(f"warning: no video: {error}")


def _write_result(path: Path, result: EpisodeResult, values: Any, notes: dict[str, Any]) -> None:
    content = json.dumps(summary([result], stack=dict(values), **notes), indent=1) + "\n"
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        say(f"warning: expected to write {path}, found: {error.strerror}; the result follows here")
        sys.stdout.write(content)


if __name__ == "__main__":
    finish(main)
