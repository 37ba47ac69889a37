"""Whole recipes: every stage from nothing to a bundle, each skipped when its result is there, each resumable when cut.

A recipe is data, a `Plan`: demonstrations of the expert; glances (many scenes, few frames each, against wrong
objects); behaviour cloning; two DAgger rounds (arXiv 1011.0686) of the policy so far; a long training on everything
with a falling learning rate; a third round that wanders on purpose, against answers that the usual paths hardly ever
need; glances from far away, against the same, collected beside the first trainings on a core that they leave idle; a
training with both; export. Its continuous codec needs no fitting; `inspire codec` is for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from inspire_training.settings import DaggerSettings, DemosSettings, ExportSettings, TrainSettings
from inspire_training.stages import Stage, run_stages

RecipeName = Literal["tabletop", "libero_object"]
GUIDED = "guided"  # the ladder of spatially guided training, which has stages and options of its own


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a recipe.

    Attributes:
        world, tasks: where to learn what; every task of the world when empty.
        demos, glances, dagger: episodes. minutes: of cloning, mending and the last training, on one CPU core.
        detours: episodes of the wandering DAgger round; far: glances from far away; polish: minutes of the training
            after them. Without detours none of them.
        counterfactual, balance, patches: see `TrainSettings`; every training has them, as a policy that has learned
            to ignore its answers unlearns it slowly.
    """

    world: str
    tasks: tuple[str, ...] = ()
    demos: int = 240
    glances: int = 800
    dagger: tuple[int, int] = (80, 60)
    minutes: tuple[float, float, float] = (25, 15, 55)
    detours: int = 0
    far: int = 0
    polish: float = 0
    counterfactual: float = 0.2
    balance: float = 0.5
    patches: float = 0.3


PLANS: dict[str, Plan] = {
    "tabletop": Plan(world="tabletop", detours=120, far=800, polish=45),
    "libero_object": Plan(
        world="libero_object", tasks=("0", "1", "2", "3", "4"), demos=160, glances=600, minutes=(25, 12, 40)
    ),
}


@dataclass(frozen=True, kw_only=True)
class RecipeSettings:
    """From nothing to a bundle, in stages that can be cut and continued by the same command."""

    recipe: RecipeName = "tabletop"
    data: Path | None = None
    """Folder of the demonstrations; data/RECIPE when not given."""
    out: Path | None = None
    """Folder of the runs, the record of finished stages and the bundle; runs/RECIPE when not given."""
    questions: Literal["inspire", "none"] = "inspire"
    workers: int = 2
    """Processes that collect; one of them less beside a training."""
    threads: int = 1
    """CPU threads of training."""
    scale: float = 1.0
    """Shrinks (or grows) episodes and minutes alike, for a trial."""
    seed: int = 0

    @property
    def folder(self) -> Path:
        """Where the runs are."""
        return self.out or Path("runs") / self.recipe


def begun(run: Path) -> bool:
    """Whether a training there has left a checkpoint to go on from."""
    return (run / "checkpoints").is_dir() and any((run / "checkpoints").iterdir())


def stages(s: RecipeSettings) -> list[Stage]:
    """The stages of a recipe, in order."""
    plan, out = PLANS[s.recipe], s.folder
    data = s.data or Path("data") / s.recipe

    def episodes(number: int) -> int:
        return max(2, round(number * s.scale))

    def demos(
        name: str, count: int, seed: int, glance: int, wander: tuple[int, int] = (0, 0), workers: int = s.workers
    ) -> Callable[[], None]:
        def run() -> None:
            from inspire_training import collect

            collect.demos(
                DemosSettings(
                    out=data / name,
                    episodes=episodes(count),
                    seed=seed + s.seed,
                    world=plan.world,
                    tasks=plan.tasks,
                    workers=workers,
                    glance=glance,
                    wander=wander,
                )
            )

        return run

    def dagger(name: str, teacher: str, count: int, seed: int, wander: tuple[int, int] = (0, 0)) -> Callable[[], None]:
        def run() -> None:
            from inspire_training import collect

            collect.dagger(
                DaggerSettings(
                    out=data / name,
                    checkpoint=out / teacher,
                    episodes=episodes(count),
                    seed=seed + s.seed,
                    world=plan.world,
                    tasks=plan.tasks,
                    wander=wander,
                    workers=s.workers,
                )
            )

        return run

    def train(
        name: str,
        inputs: dict[str, float],
        minutes: float,
        init: str | None = None,
        *,
        rate: float = 6e-4,
        last: bool = False,
    ) -> Callable[[], None]:
        def run() -> None:
            from inspire_training.train import train as start

            start(
                TrainSettings(
                    data=tuple(data / folder for folder in inputs),
                    weights=tuple(inputs.values()),
                    out=out / name,
                    init=out / init if init else None,
                    resume=begun(out / name),
                    minutes=minutes * s.scale,
                    batch=32,
                    rate=rate,
                    schedule="cosine" if last else "constant",
                    counterfactual=plan.counterfactual if s.questions == "inspire" else 0.0,
                    balance=plan.balance,
                    patches=plan.patches,
                    questions=s.questions,
                    threads=s.threads,
                    seed=s.seed,
                )
            )

        return run

    def export(name: str) -> None:
        from inspire_training.export import export as write

        write(
            ExportSettings(
                checkpoint=out / name,
                out=out / "bundle",
                frames=data / "demos",
                name=s.recipe,
                bodies=(plan.world,),
            )
        )

    first = {"demos": 1.0, "glances": 1.0}
    second = first | {"dagger1": 1.5}
    third = second | {"dagger2": 2.0}
    clone, mend, final = plan.minutes
    listed = [
        Stage("demos", demos("demos", plan.demos, 0, 0)),
        Stage("glances", demos("glances", plan.glances, 10_000, 24)),
        Stage("clone", train("clone", first, clone), trains=True),
        Stage("dagger1", dagger("dagger1", "clone", plan.dagger[0], 100_000)),
        Stage("mend", train("mend", second, mend, "clone"), trains=True),
        Stage("dagger2", dagger("dagger2", "mend", plan.dagger[1], 101_000)),
        Stage("final", train("final", third, final, "mend", rate=7e-4, last=True), trains=True),
    ]
    if not plan.detours:
        return [*listed, Stage("export", partial(export, "final"))]
    everything = third | {"detours": 2.0, "far": 1.0}
    far = demos("far", plan.far, 300_000, 40, wander=(28, 0), workers=max(1, s.workers - 1))
    return [
        *listed,
        Stage("detours", dagger("detours", "final", plan.detours, 102_000, wander=(12, 30))),
        Stage("far", far, aside=True),
        Stage("polish", train("polish", everything, plan.polish, "final", rate=4e-4, last=True), trains=True),
        Stage("export", partial(export, "polish")),
    ]


def run(settings: RecipeSettings) -> None:
    """Run the stages that are not done; see `run_stages`."""
    run_stages(settings.folder, stages(settings))
    print(f"bundle: {settings.folder / 'bundle'}", flush=True)


def main(arguments: list[str]) -> int:
    """The command line of `inspire recipe NAME`; returns the exit code."""
    import tyro

    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        if name == GUIDED:
            from inspire_training.guided.stages import main as guided

            return guided(rest)
        if name not in PLANS:
            raise ValueError(f"recipe: expected one of {', '.join((*PLANS, GUIDED))}, found {name!r}")
        arguments = ["--recipe", name, *rest]
    run(tyro.cli(RecipeSettings, prog="inspire recipe", args=arguments))
    return 0
