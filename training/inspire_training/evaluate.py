"""`inspire evaluate`: many episodes through the ROS graph, success rates with Wilson intervals, a table, `result.json`.

Every worker is a whole stack (world, gate, commander, driver) started as `python -m inspire_bringup.run` in a ROS
domain of its own, whose lines of JSON are read here; this package never imports rclpy. Finished episodes are appended
to `episodes.jsonl` as they come, so that an interrupted evaluation goes on where it stopped. Several splits
(`--split all`, or a list with commas) run one after another over the same seeds, each in a folder of its own.

LIBERO's suites by a published protocol are `inspire evaluate --suite libero_90 --protocol published` (see protocol).

Seeds: evaluation uses 1,000,000 + --seed and up; training and demonstrations stay below 500,000, so no scene is ever
shared.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from inspire_sim.results import UNSEEN_SEEDS, EpisodeResult, summary, table
from inspire_training.evaluation.episodes import Evaluation
from inspire_training.evaluation.folder import RESULT_FILE, EvaluationError, Settings, claim, weights_of, write_file
from inspire_training.evaluation.splits import SEVERAL, several, split_table, wanted_splits
from inspire_training.evaluation.stacks import Stacks
from inspire_training.evaluation.videos import VideoMaker, Videos, missing_videos


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
    latency: float = 0.0,
    language_every: int = 1,
    latent: bool = False,
    workers: int = 1,
    videos: Videos = "failures",
) -> int:
    """Evaluate a bundle, or the scripted expert, and write result.json.

    LIBERO's suites as published: `inspire evaluate --protocol published --help`.

    Args:
        bundle: name or folder of the bundle.
        world: tabletop, libero_spatial, libero_object, libero_goal, libero_10 or libero_90.
        episodes: how many, each with a seed of its own; so many of every split.
        seed: first seed, counted from 1,000,000.
        mode: lockstep or realtime.
        through_ros: the whole ROS graph; the only way there is.
        out: folder of episodes.jsonl and result.json; an interrupted evaluation there is continued.
        commander: policy or expert.
        split: held-out split of the world, several separated by commas, or all of them: all. Several go to a folder
            each. Empty: unseen_positions in tabletop, train elsewhere.
        task: name or index of one task; empty: drawn by the seed.
        instruction: told instead of the task's own words.
        latency: inference time added to each chunk, s; in lockstep counted in control periods, rounded up.
        language_every: inferences per run of the language model; above 1 only with an action expert.
        latent: nothing is asked, the policy acts without answers.
        workers: stacks side by side.
        videos: of which episodes: failures, none or all. They are run again for it, after the numbers are written.

    Returns:
        0 when the evaluation is complete (whatever its rate), 2 bad input, 3 a stack that keeps dying.
    """
    split = split or ("unseen_positions" if world == "tabletop" else "train")
    settings = Settings(
        bundle, world, mode, commander, split, task, instruction, latency, language_every=language_every, latent=latent
    )
    stacks = Stacks()
    try:
        if commander == "policy":
            settings = replace(settings, weights=weights_of(bundle))
        if not through_ros:
            raise EvaluationError("through_ros: expected true, found false; `inspire dagger` rolls out without ROS", 2)
        if episodes < 1 or workers < 1 or seed < 0:
            raise EvaluationError(
                f"expected episodes and workers >= 1, seed >= 0; found {episodes}, {workers}, {seed}", 2
            )
        seeds = [UNSEEN_SEEDS + seed + i for i in range(episodes)]
        names = wanted_splits(split, world)
        if names is None:
            parts = {out: settings}
        else:
            claim(out, replace(settings, split=SEVERAL))
            parts = {out / name: replace(settings, split=name) for name in names}
        finished = _run(parts, seeds, workers, stacks)
    except EvaluationError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if names is not None:
        summaries = {parts[folder].split: summary(results) for folder, results in finished.items()}
        content = several(summaries, settings=asdict(replace(settings, split=SEVERAL)), first_seed=seeds[0])
        write_file(out / RESULT_FILE, json.dumps(content, indent=1) + "\n")
        print(f"\n{split_table(summaries)}\nwritten: {out / RESULT_FILE}")
    _make_videos(parts, finished, videos, workers, stacks)
    return 0


def evaluated(name: str, **told: Any) -> None:
    """`evaluate` as a stage of something larger; see there. Raises ValueError unless it is complete."""
    code = evaluate(**told)
    if code:
        raise ValueError(f"{name}: expected a finished evaluation, found exit code {code}; see the messages above")


def _run(
    parts: Mapping[Path, Settings], seeds: Sequence[int], workers: int, stacks: Stacks
) -> dict[Path, list[EpisodeResult]]:
    """Run the episodes of every folder, one after another, and write its result.json."""
    finished: dict[Path, list[EpisodeResult]] = {}
    for folder, settings in parts.items():
        if len(parts) > 1:
            print(f"\n{settings.split}, {len(finished) + 1} of {len(parts)} splits", flush=True)
        results = Evaluation(settings, folder, stacks).run(seeds, workers)
        content = summary(results, settings=asdict(settings), first_seed=seeds[0])
        write_file(folder / RESULT_FILE, json.dumps(content, indent=1) + "\n")
        _say(results, content, folder)
        finished[folder] = results
    return finished


def _say(results: Sequence[EpisodeResult], content: Mapping[str, Any], folder: Path) -> None:
    """The tables and numbers of one split."""
    print(table(results))
    low, high = content["wilson95"]
    accuracy = content["direction_accuracy"]
    print(
        f"success {content['successes']}/{content['trials']} = "
        f"{content['success_rate']:.3f}, 95 % Wilson interval [{low:.3f}, {high:.3f}]"
    )
    if accuracy is not None:
        print(
            f"direction accuracy {accuracy:.3f} of {content['directions_compared']} "
            f"answers ({content['directions_tied']} ties left out), "
            f"{content['direction_accuracy_macro']:.3f} macro over directions"
        )
    print(f"written: {folder / RESULT_FILE}")


def _make_videos(
    parts: Mapping[Path, Settings],
    finished: Mapping[Path, Sequence[EpisodeResult]],
    wanted: Videos,
    workers: int,
    stacks: Stacks,
) -> None:
    for folder, results in finished.items():
        todo = missing_videos(folder, results, wanted)
        if todo:
            print(f"videos of {len(todo)} episodes of {parts[folder].split}", flush=True)
            VideoMaker(parts[folder], folder, stacks).make(todo, workers)


def main(arguments: list[str] | None = None) -> int:
    """The command line of `evaluate`; returns its exit code. With --suite or --protocol it is that of a protocol."""
    import tyro

    given = sys.argv[1:] if arguments is None else arguments
    if any(word.partition("=")[0] in ("--suite", "--protocol") for word in given):
        from inspire_training.protocol.command import main as by_protocol

        return by_protocol(given)

    return int(tyro.cli(evaluate, prog="inspire evaluate", args=arguments))
