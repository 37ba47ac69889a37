"""Episodes in worker processes without ROS: each holds one policy and one world, which take seconds to make."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspire_policy.brain import Brain
from inspire_policy.bundle import find_bundle, load_bundle
from inspire_policy.manifest import Manifest
from inspire_policy.programs.base import Job, Tick
from inspire_sim.results import wilson_interval
from inspire_sim.worlds.base import Observation, World
from inspire_sim.worlds.registry import make_world
from inspire_training.evaluation.folder import write_file
from inspire_training.settings import InProcessSettings


@dataclass(frozen=True)
class Loaded:
    """What a worker process holds."""

    brain: Brain
    world: World
    split: str

    def tick(
        self,
        seen: Observation,
        text: str,
        asked: tuple[str, ...],
        *,
        forced: Mapping[str, str] | None = None,
        draft: Mapping[str, str] | None = None,
        number: int = 0,
    ) -> Tick:
        """Look, answer and act once; see `inspire_policy.programs.base`."""
        return self.brain.program.tick(Job(seen.for_policy(), text, asked, forced or {}, draft or {}, number=number))


_loaded: Loaded | None = None


def loaded() -> Loaded:
    """Of this worker process."""
    assert _loaded is not None, "only in a worker of `run_jobs`"
    return _loaded


def manifest_of(settings: InProcessSettings, *, asks: bool = False) -> Manifest:
    """Of the settings' bundle. Raises BundleError unless it is one for the world, ValueError where it asks nothing and
    is to.
    """
    bundle = load_bundle(find_bundle(settings.bundle))
    bundle.check_body(settings.world)
    if asks and not bundle.manifest.questions:
        raise ValueError(f"bundle: expected one that asks questions, found {settings.bundle}, which asks none")
    return bundle.manifest


def run_jobs(
    job: Callable[[Any], dict[str, Any]],
    jobs: Sequence[Any],
    say: Callable[[Mapping[str, Any]], str],
    settings: InProcessSettings,
) -> list[dict[str, Any]]:
    """The results of `job` for all `jobs`, in the order in which they end; `say` is a line about each."""
    s = settings
    found: list[dict[str, Any]] = []
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(s.workers, len(jobs)), _load, (s.bundle, s.world, s.split)) as pool:
        for result in pool.imap_unordered(job, jobs):
            found.append(result)
            left = (time.monotonic() - started) / len(found) * (len(jobs) - len(found))
            print(f"[{len(found)}/{len(jobs)}, {left / 60:.1f} min left] {say(result)}", flush=True)
    return found


def publish(content: dict[str, Any], text: str, out: Path) -> dict[str, Any]:
    """Write a content as JSON, print its text, and return it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_file(out, json.dumps(content, indent=1) + "\n")
    print(text)
    return content


def rate(outcomes: Iterable[bool]) -> dict[str, Any]:
    """count, of, rate and Wilson interval (95 %) of what came out."""
    outcomes = list(outcomes)
    count, of = sum(outcomes), len(outcomes)
    return {"count": count, "of": of, "rate": count / of if of else 0.0, "wilson95": wilson_interval(count, of)}


def rate_line(name: str, found: Mapping[str, Any]) -> str:
    """A rate for people."""
    low, high = found["wilson95"]
    return (
        f"{name:<32}{found['count']:>5}/{found['of']:<5} {100 * found['rate']:>5.1f} %  "
        f"[{100 * low:.1f}, {100 * high:.1f}]"
    )


def _load(bundle: str, world: str, split: str) -> None:
    global _loaded
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _loaded = Loaded(Brain.load(bundle, body=world), make_world(world), split)
