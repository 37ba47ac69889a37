"""Whole recipes: every stage from nothing to a bundle, each skipped when its result is there, each resumable when cut.

A recipe is data. The tabletop's: demonstrations of the expert; glances (many scenes, few frames each, against wrong
objects); behaviour cloning; two DAgger rounds (arXiv 1011.0686) of the policy so far; a last training on everything
with a falling learning rate; export. Its continuous codec needs no fitting; `inspire codec` is for the others.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inspire_training.settings import ExportSettings, TrainSettings


@dataclass(frozen=True)
class Stage:
    """One stage: what it does, and what it leaves behind in the recipe's folders."""

    name: str
    run: Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class RecipeSettings:
    """From nothing to a bundle, in stages that can be cut and continued by the same command."""

    recipe: Literal["tabletop"] = "tabletop"
    data: Path = Path("data/tabletop")
    """Folder of the demonstrations."""
    out: Path = Path("runs/recipe")
    """Folder of the runs, the record of finished stages and the bundle."""
    questions: Literal["inspire", "none"] = "inspire"
    workers: int = 2
    """Processes that collect."""
    threads: int = 1
    """CPU threads of training."""
    scale: float = 1.0
    """Shrinks (or grows) episodes and minutes alike, for a trial."""
    seed: int = 0


def tabletop(s: RecipeSettings) -> list[Stage]:
    """The stages of the shipped tabletop bundle; minutes are for one CPU core."""
    from inspire_training import collect

    def episodes(number: int) -> int:
        return max(2, round(number * s.scale))

    def demos() -> None:
        collect.demos(s.data / "demos", episodes(240), s.seed, s.workers)

    def glances() -> None:
        collect.demos(s.data / "glances", episodes(800), 10_000 + s.seed, s.workers, glance=24)

    def dagger(number: int, count: int, teacher: str) -> Callable[[], None]:
        def run() -> None:
            seed = 100_000 + 1_000 * (number - 1) + s.seed
            collect.dagger(s.data / f"dagger{number}", s.out / teacher, episodes(count), seed, s.workers)

        return run

    def train(
        name: str, data: dict[str, float], minutes: float, init: str | None, schedule: str, rate: float
    ) -> Callable[[], None]:
        def run() -> None:
            from inspire_training.train import train as start

            out = s.out / name
            start(
                TrainSettings(
                    data=tuple(s.data / folder for folder in data),
                    weights=tuple(data.values()),
                    out=out,
                    init=s.out / init if init else None,
                    resume=(out / "checkpoints").is_dir() and any((out / "checkpoints").iterdir()),
                    minutes=minutes * s.scale,
                    batch=32,
                    rate=rate,
                    schedule=schedule,  # type: ignore[arg-type]
                    questions=s.questions,
                    threads=s.threads,
                    seed=s.seed,
                )
            )

        return run

    def export() -> None:
        from inspire_training.export import export as write

        write(ExportSettings(checkpoint=s.out / "final", out=s.out / "bundle", frames=s.data / "demos"))

    everything = {"demos": 1.0, "glances": 1.0, "dagger1": 1.5, "dagger2": 2.0}
    return [
        Stage("demos", demos),
        Stage("glances", glances),
        Stage("clone", train("clone", {"demos": 1.0, "glances": 1.0}, 25, None, "constant", 6e-4)),
        Stage("dagger1", dagger(1, 80, "clone")),
        Stage("mend", train("mend", {"demos": 1.0, "glances": 1.0, "dagger1": 1.5}, 20, "clone", "constant", 6e-4)),
        Stage("dagger2", dagger(2, 60, "mend")),
        Stage("final", train("final", everything, 45, "mend", "cosine", 7e-4)),
        Stage("export", export),
    ]


RECIPES: dict[str, Callable[[RecipeSettings], list[Stage]]] = {"tabletop": tabletop}


def run(settings: RecipeSettings) -> None:
    """Run the stages that are not done; `out`/stages.json remembers what is, with its wall time in seconds."""
    settings.out.mkdir(parents=True, exist_ok=True)
    record = settings.out / "stages.json"
    done: dict[str, float] = json.loads(record.read_text()) if record.is_file() else {}
    for stage in RECIPES[settings.recipe](settings):
        if stage.name in done:
            print(f"stage {stage.name}: done before, {done[stage.name] / 60:.1f} min", flush=True)
            continue
        print(f"stage {stage.name}: starting", flush=True)
        started = time.monotonic()
        stage.run()
        done[stage.name] = round(time.monotonic() - started, 1)
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps(done, indent=1) + "\n")
        partial.replace(record)
        print(f"stage {stage.name}: done, {done[stage.name] / 60:.1f} min", flush=True)
    print(f"bundle: {settings.out / 'bundle'}", flush=True)


def main(arguments: list[str]) -> int:
    """The command line of `inspire recipe NAME`; returns the exit code."""
    import tyro

    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        if name not in RECIPES:
            raise ValueError(f"recipe: expected one of {', '.join(RECIPES)}, found {name!r}")
        arguments = ["--recipe", name, *rest]
    run(tyro.cli(RecipeSettings, prog="inspire recipe", args=arguments))
    return 0
