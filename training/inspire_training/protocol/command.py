"""`inspire evaluate --suite SUITE --protocol published`: a suite of LIBERO by a published protocol.

Route "direct" runs world and policy in one process per worker, several through Ray; route "ros" starts the whole graph
as every other evaluation does. Both have the same outcomes on the same seeds. Finished episodes are appended to
`episodes.jsonl` as they come; the same command goes on where it was stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from inspire_policy.bundle import BundleError, find_bundle, read_manifest
from inspire_sim.results import REFUSED, EpisodeResult, EpisodeSpec, summary
from inspire_sim.worlds.base import WorldError
from inspire_training.evaluation.episodes import run_seeds
from inspire_training.evaluation.folder import RESULT_FILE, EvaluationError, Settings, weights_of, write_file
from inspire_training.evaluation.ledger import Ledger
from inspire_training.evaluation.stacks import Stacks
from inspire_training.evaluation.videos import VideoMaker, video_path
from inspire_training.protocol.crew import make_films, run_here, run_with_ray
from inspire_training.protocol.plan import PROTOCOLS, PUBLISHED_STAGES, Protocol, episodes_of, tasks_of
from inspire_training.protocol.report import task_summaries, task_table
from inspire_training.protocol.worker import WorkerSettings

Films = Literal["kinds", "failures", "all", "none"]


def evaluate_suite(
    suite: str,
    protocol: str = "published",
    bundle: str = "tabletop",
    commander: Literal["policy", "expert"] = "policy",
    route: Literal["direct", "ros"] = "direct",
    tasks: tuple[str, ...] = (),
    trials: int = 0,
    image_size: int = 0,
    split: str = "",
    workers: int = 1,
    address: str = "",
    engine: str = "onnxruntime",
    stock_rendering: bool = False,
    videos: Films = "kinds",
    out: Path = Path("runs/protocol"),
) -> int:
    """Evaluate a bundle on a suite by a published protocol; 0 when complete, whatever its rate, 2 bad input, 3 died.

    Args:
        suite: libero_spatial, libero_object, libero_goal, libero_10 or libero_90.
        protocol: published: 10 trials a task from the recorded initial states (object suite: placed at random), 10
            settle steps, the suite's step limit.
        bundle: name or folder; its manifest says what becomes of an image.
        commander: policy or expert, the scripted one.
        route: direct, in process; ros, through the whole graph in lockstep.
        tasks: names or indices; all of the suite when empty.
        trials: of each task; 0: the protocol's.
        image_size: of the renders, px; 0: the protocol's.
        split: train, the recorded initial states, or random; empty: the protocol's.
        workers: side by side; several in process go through Ray, those of route ros are stacks.
        address: of a Ray cluster, such as auto or ray://HOST:10001; empty: this machine.
        engine: that runs the bundle in route direct.
        stock_rendering: draw as robosuite does, with shadows and reflections, as the published data were drawn; only
            in route direct, and slow in software.
        videos: of one episode of each kind of failure, of all failures, of all, or none. They are run again for it.
        out: folder of episodes.jsonl and result.json.
    """
    try:
        plan = _protocol(protocol)
        names = tasks_of(suite, tasks)
        specs = episodes_of(names, trials=trials or plan.trials, split=split or plan.split(suite))
        if workers < 1:
            raise EvaluationError(f"workers: expected 1 or more, found {workers}", 2)
        if route == "ros" and (stock_rendering or address or engine != "onnxruntime"):
            raise EvaluationError("route: expected direct for another renderer, engine or a cluster, found ros", 2)
        folder = _bundle(bundle, suite) if commander == "policy" else ""
        settings = Settings(
            bundle=folder,
            world=suite,
            mode="lockstep",
            commander=commander,
            split=specs[0].split,
            task="",
            instruction="",
            image_size=image_size or plan.image_size,
            route=route + (" stock" if stock_rendering else ""),
            weights=weights_of(folder) if folder else "",
        )
        worker = WorkerSettings(
            suite=suite,
            commander=commander,
            bundle=folder,
            image_size=settings.image_size,
            stock_rendering=stock_rendering,
            engine=engine,
        )
        ledger = Ledger(settings, out)
        seeds = [spec.seed for spec in specs]
        missing = set(ledger.begin(seeds))
        todo = [spec for spec in specs if spec.seed in missing]
        if route == "ros":
            _through_ros(settings, todo, ledger, workers)
        elif workers == 1 and not address:
            run_here(worker, todo, ledger.keep)
        elif todo:
            run_with_ray(worker, todo, ledger.keep, workers=workers, address=address)
        results = ledger.results(seeds)
        _say(results, settings, plan, out)
        _films(results, specs, worker, settings, videos, out)
    except EvaluationError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (WorldError, BundleError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise EvaluationError(f"protocol: expected one of {', '.join(PROTOCOLS)}, found {name!r}", 2)
    return PROTOCOLS[name]


def _bundle(name: str, suite: str) -> str:
    """The bundle's folder; what its images go through is said where it is not what the protocol has."""
    folder = find_bundle(name)
    manifest = read_manifest(folder)
    if suite not in manifest.bodies:
        raise EvaluationError(
            f"bundle {manifest.name}: expected one for {suite}, found one for {', '.join(manifest.bodies)}; export it "
            f"with --bodies {suite}",
            2,
        )
    upright = replace(PUBLISHED_STAGES, flip="none")
    for camera, geometry in manifest.cameras.items():
        if replace(geometry, width=upright.width, height=upright.height) != upright:
            print(f"note: {camera} is seen through the bundle's own stages, not the protocol's: {geometry}")
    return str(folder)


def _through_ros(settings: Settings, todo: Sequence[EpisodeSpec], ledger: Ledger, workers: int) -> None:
    """One stack per task, so many side by side; the graph knows the image size and the task by name."""
    stacks = Stacks()
    by_task: dict[str, list[int]] = {}
    for spec in todo:
        by_task.setdefault(spec.task, []).append(spec.seed)
    jobs = [
        partial(run_seeds, stacks, replace(settings, task=task), seeds, ledger, number)
        for number, (task, seeds) in enumerate(by_task.items())
    ]
    stacks.side_by_side(jobs, workers)


def _say(results: Sequence[EpisodeResult], settings: Settings, plan: Protocol, out: Path) -> None:
    """The table, and result.json."""
    content: dict[str, Any] = summary(
        results,
        settings=asdict(settings),
        first_seed=results[0].seed,
        protocol=asdict(plan),
        tasks=task_summaries(results),
    )
    write_file(out / RESULT_FILE, json.dumps(content, indent=1) + "\n")
    print(f"\n{task_table(results)}\nwritten: {out / RESULT_FILE}")


def _films(
    results: Sequence[EpisodeResult],
    specs: Sequence[EpisodeSpec],
    worker: WorkerSettings,
    settings: Settings,
    wanted: Films,
    out: Path,
) -> None:
    """Videos that are wanted and not there yet; what cannot be made is a warning, numbers never depend on it."""
    by_seed = {spec.seed: spec for spec in specs}
    chosen = _chosen(results, wanted)
    missing = [result for result in chosen if not video_path(out, result).exists()]
    if not missing:
        return
    print(f"videos of {len(missing)} episodes", flush=True)
    if settings.route == "ros":
        stacks = Stacks()
        for result in missing:
            VideoMaker(replace(settings, task=result.task), out, stacks).make([result], 1)
        return
    try:
        again = make_films(worker, {video_path(out, r): by_seed[r.seed] for r in missing})
    except OSError as error:
        print(f"warning: videos: {error}", file=sys.stderr)
        return
    for result, (path, film) in zip(missing, again.items()):
        if (film.success, film.steps) != (result.success, result.steps):
            print(f"warning: {path}: expected the episode of the evaluation, found another outcome", file=sys.stderr)


def _chosen(results: Sequence[EpisodeResult], wanted: Films) -> list[EpisodeResult]:
    if wanted in ("none", "all"):
        return list(results) if wanted == "all" else []
    failed = [result for result in results if not result.success and result.failure != REFUSED]
    if wanted == "failures":
        return failed
    first: dict[tuple[str, str], EpisodeResult] = {}
    for result in failed:
        first.setdefault((result.failure, result.stage), result)
    return list(first.values())


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns its exit code."""
    import tyro

    return int(tyro.cli(evaluate_suite, prog="inspire evaluate", args=arguments))
