"""Workers side by side, each given the next episode as soon as it is free: one in this process, several through Ray.

Without an address Ray starts on this machine, with one it is a cluster; nothing else differs. A worker that dies is
replaced and its episode run again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from inspire_sim.results import EpisodeResult, EpisodeSpec
from inspire_training.evaluation.episodes import ATTEMPTS
from inspire_training.evaluation.folder import EvaluationError
from inspire_training.protocol.worker import Worker, WorkerSettings

PASSED_ON = ("MUJOCO_GL", "PYOPENGL_PLATFORM", "LP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_here(settings: WorkerSettings, specs: Sequence[EpisodeSpec], keep: Callable[[EpisodeResult], None]) -> None:
    """All episodes in this process, one after another."""
    worker = Worker(settings)
    try:
        for spec in specs:
            keep(worker.run(spec))
    finally:
        worker.close()


def run_with_ray(
    settings: WorkerSettings,
    specs: Sequence[EpisodeSpec],
    keep: Callable[[EpisodeResult], None],
    *,
    workers: int,
    address: str = "",
) -> None:
    """All episodes by Ray actors, one CPU each. Raises EvaluationError: no Ray, no cluster, or workers keep dying."""
    ray = _connected(address, workers)
    try:
        _share_out(ray, settings, specs, keep, min(workers, len(specs)))
    finally:
        ray.shutdown()


def _share_out(
    ray: Any,
    settings: WorkerSettings,
    specs: Sequence[EpisodeSpec],
    keep: Callable[[EpisodeResult], None],
    workers: int,
) -> None:
    actor = ray.remote(num_cpus=1)(Worker)
    # Each worker begins in a stretch of its own, so that a change of task, which costs seconds, is rare.
    cuts = [len(specs) * i // workers for i in range(workers + 1)]
    queues = [deque(specs[a:b]) for a, b in pairwise(cuts)]
    crew = [actor.remote(settings) for _ in queues]
    running: dict[Any, tuple[int, EpisodeSpec]] = {}
    attempts: dict[int, int] = {}

    def give(worker: int) -> None:
        queue = queues[worker] or max(queues, key=len)
        if queue:
            spec = queue.popleft() if queue is queues[worker] else queue.pop()
            running[crew[worker].run.remote(spec)] = worker, spec

    for worker in range(workers):
        give(worker)
    while running:
        done, _ = ray.wait(list(running), num_returns=1)
        worker, spec = running.pop(done[0])
        try:
            keep(ray.get(done[0]))
        except ray.exceptions.RayActorError as error:
            attempts[spec.seed] = attempts.get(spec.seed, 0) + 1
            if attempts[spec.seed] >= ATTEMPTS:
                raise EvaluationError(
                    f"expected a result of seed {spec.seed}, found {ATTEMPTS} workers that died: {error}", 3
                ) from error
            crew[worker] = actor.remote(settings)
            queues[worker].appendleft(spec)
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        give(worker)


def _connected(address: str, workers: int) -> Any:
    try:
        import ray
    except ImportError as error:
        raise EvaluationError(
            "workers: expected the package ray for several workers or an address, found none; run `pip install "
            "'inspire_training[ray]'`, or take one worker",
            2,
        ) from error
    variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    options: dict[str, Any] = {"runtime_env": {"env_vars": variables}, "log_to_driver": False}
    if not address:
        options |= {"num_cpus": workers, "include_dashboard": False, "configure_logging": False}
    try:
        ray.init(address=address or "local", **options)
    except Exception as error:  # Ray has no class of its own for not starting in time
        ray.shutdown()
        raise EvaluationError(
            f"address: expected a running Ray cluster at {address or 'this machine'}, found {error}", 2
        ) from error
    return ray


def make_films(settings: WorkerSettings, wanted: dict[Path, EpisodeSpec]) -> dict[Path, EpisodeResult]:
    """The videos of some episodes, in this process."""
    worker = Worker(settings)
    try:
        return {path: worker.film(spec, str(path)) for path, spec in wanted.items()}
    finally:
        worker.close()
