"""A worker: one world and one commander, made at the first episode and kept; in this process or as a Ray actor."""

from __future__ import annotations

import os
from dataclasses import dataclass

from inspire_sim.results import EpisodeResult, EpisodeSpec
from inspire_sim.worlds.base import World
from inspire_training.protocol.commanders import Commander, ExpertCommander, PolicyCommander


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker needs. `stock_rendering`: draw as robosuite does, slowly in software."""

    suite: str
    commander: str
    bundle: str
    image_size: int
    stock_rendering: bool = False
    engine: str = "onnxruntime"


class Worker:
    """Runs episodes of a suite one after another."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._world: World | None = None
        self._commander: Commander | None = None

    def parts(self) -> tuple[World, Commander]:
        """World and commander. Raises WorldError, BundleError, EngineError."""
        if self._world is None or self._commander is None:
            from inspire_sim.worlds.registry import make_world

            s = self._settings
            os.environ.setdefault("OMP_NUM_THREADS", "1")
            if s.commander == "policy":
                self._commander = PolicyCommander(s.bundle, body=s.suite, engine=s.engine)
            self._world = make_world(s.suite, image_size=s.image_size, stock_rendering=s.stock_rendering)
            self._commander = self._commander or ExpertCommander(self._world.contract)
        return self._world, self._commander

    def run(self, spec: EpisodeSpec) -> EpisodeResult:
        """One episode; see `run_episode`."""
        from inspire_training.protocol.episode import run_episode

        return run_episode(*self.parts(), spec)

    def film(self, spec: EpisodeSpec, path: str) -> EpisodeResult:
        """The same, with a video of it; see `write_film`."""
        from inspire_training.protocol.film import write_film

        return write_film(*self.parts(), spec, path)

    def close(self) -> None:
        """Free the world."""
        if self._world is not None:
            self._world.close()
            self._world = None
