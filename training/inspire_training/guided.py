"""`inspire recipe guided`: spatially guided training from nothing, rung by rung, everything else alike.

The ladder of ST4VLA (InternVLA-M1: arXiv 2510.13778) with InSpire's question as its last step, and controls. All rungs
learn from the same frozen demonstrations and DAgger episodes, for as many steps; each is evaluated on the same seeds in
every held-out split and asked about held-out images where it learned to answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from inspire_training import recipe
from inspire_training.stages import Stage, run_stages

SHARES = {"demos": 1.0, "glances": 1.0, "dagger": 2.0}  # how often a frame of each is drawn
SOURCES = ("episodes", "glances")  # of grounding records


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One policy of the ladder.

    Attributes:
        about: what it has that the one before has not. prompt, bridge: see ExpertConfig.
        cotraining: grounding questions beside the actions.
        stage1: begins from the weights of stage 1, perception at half the learning rate.
        questions: the direction is asked, and learned in the same forward pass.
    """

    about: str
    prompt: Literal["spatial", "padding", "none"] = "none"
    bridge: float = 1.0
    cotraining: bool = False
    stage1: bool = False
    questions: bool = False


RUNGS = {
    "vanilla": Rung(about="action expert alone"),
    "cotraining": Rung(about="+ grounding questions beside it", cotraining=True),
    "prompt": Rung(about="+ spatial prompt, half the gradient", prompt="spatial", bridge=0.5, cotraining=True),
    "stage1": Rung(about="+ stage 1", prompt="spatial", bridge=0.5, cotraining=True, stage1=True),
    "question": Rung(
        about="+ direction question", prompt="spatial", bridge=0.5, cotraining=True, stage1=True, questions=True
    ),
    "padding": Rung(
        about="stage 1, random words for the prompt", prompt="padding", bridge=0.5, cotraining=True, stage1=True
    ),
    "closed": Rung(about="stage 1, no gradient", prompt="spatial", bridge=0.0, cotraining=True, stage1=True),
    "open": Rung(about="stage 1, the whole gradient", prompt="spatial", bridge=1.0, cotraining=True, stage1=True),
}


@dataclass(frozen=True, kw_only=True)
class GuidedSettings:
    """The ladder of spatially guided training from nothing, in stages that can be cut and continued."""

    data: Path = Path("data/guided")
    """Folder of demonstrations and of grounding records."""
    out: Path = Path("runs/guided")
    """Folder of the runs, evaluations, the record of finished stages and results.md."""
    rungs: tuple[str, ...] = tuple(RUNGS)
    """Which to train; each is compared with the first."""
    driver: Path = Path("training/weights/tabletop")
    """Checkpoint or run that drives the DAgger round which all rungs learn from; `inspire recipe tabletop` made the
    one shipped."""
    grounding_steps: int = 8000
    """Of stage 1, 32 questions each."""
    steps: int = 2500
    """Of every rung, 32 frames each."""
    episodes: int = 50
    """Of evaluation in every split."""
    first_seed: int = 0
    """Of evaluation, counted from 1,000,000."""
    workers: int = 2
    """Processes that collect or evaluate; one of them less beside a training."""
    threads: int = 1
    """CPU threads of training."""
    scale: float = 1.0
    """Shrinks (or grows) episodes, minutes and steps alike, for a trial."""
    precision: Literal["no", "bf16"] = "no"
    """Of every training; see `inspire train`."""
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.rungs if name not in RUNGS]
        if unknown or not self.rungs:
            raise ValueError(
                f"rungs: expected some of {', '.join(RUNGS)}, found {', '.join(unknown) if unknown else 'none'}"
            )

    def scaled(self, number: int) -> int:
        """A number of episodes or steps at this scale."""
        return max(2, round(number * self.scale))


def stages(s: GuidedSettings) -> list[Stage]:
    """The stages in order: demonstrations and a DAgger round, grounding records, stage 1, and each rung."""
    beside = max(1, s.workers - 1)
    listed = [
        Stage("demos", partial(_demos, s, "demos", 240, 0)),
        Stage("glances", partial(_demos, s, "glances", 800, 10_000, glance=24)),
        Stage("dagger", partial(_dagger, s)),
        Stage("grounding_episodes", partial(_record, s, "episodes", 200, 200_000, beside), aside=True),
        Stage("grounding_glances", partial(_record, s, "glances", 4000, 210_000, beside, glance=10), aside=True),
        Stage("grounding_held_out", partial(_record, s, "held_out", 40, 0, beside, held_out=True), aside=True),
        Stage("stage1", partial(_stage1, s), trains=True),
        Stage("stage1_asked", partial(_ask, s, "stage1")),
    ]
    for name in s.rungs:
        listed += [
            Stage(name, partial(_train, s, name), trains=True),
            Stage(f"{name}_bundle", partial(_export, s, name)),
            Stage(f"{name}_evaluated", partial(_evaluate, s, name)),
        ]
        if RUNGS[name].cotraining:
            listed.append(Stage(f"{name}_asked", partial(_ask, s, name)))
        listed.append(Stage(f"{name}_probed", partial(_probe, s, name)))
    return [*listed, Stage("results", partial(_results, s))]


def _demos(s: GuidedSettings, name: str, episodes: int, seed: int, *, glance: int = 0) -> None:
    from inspire_training import collect
    from inspire_training.settings import DemosSettings

    collect.demos(
        DemosSettings(
            out=s.data / name, episodes=s.scaled(episodes), seed=seed + s.seed, workers=s.workers, glance=glance
        )
    )


def _dagger(s: GuidedSettings) -> None:
    from inspire_training import collect
    from inspire_training.settings import DaggerSettings

    collect.dagger(
        DaggerSettings(
            out=s.data / "dagger", checkpoint=s.driver, episodes=s.scaled(160), seed=102_000 + s.seed,
            wander=(12, 30), workers=s.workers,
        )
    )  # fmt: skip


def _record(
    s: GuidedSettings, name: str, episodes: int, seed: int, workers: int, *, glance: int = 0, held_out: bool = False
) -> None:
    from inspire_training.grounding.collecting import grounding_data
    from inspire_training.grounding.settings import GroundingDataSettings

    more: dict[str, Any] = {"glance": glance, "every": 5, "wander": (8, 0)} if glance else {}
    if held_out:
        more = {"held_out": True, "split": "unseen_positions"}
    grounding_data(
        GroundingDataSettings(
            out=s.data / "grounding" / name, episodes=s.scaled(episodes), seed=seed, workers=workers, **more
        )
    )


def _grounding(s: GuidedSettings) -> tuple[Path, ...]:
    return tuple(s.data / "grounding" / name for name in SOURCES)


def _stage1(s: GuidedSettings) -> None:
    from inspire_training.grounding.settings import GroundingTrainSettings
    from inspire_training.grounding.training import train_grounding

    out = s.out / "stage1"
    train_grounding(
        GroundingTrainSettings(
            data=_grounding(s), out=out, steps=s.scaled(s.grounding_steps), resume=recipe.begun(out), threads=s.threads,
            precision=s.precision, seed=s.seed,
        )
    )  # fmt: skip


def _ask(s: GuidedSettings, name: str) -> None:
    from inspire_training.grounding.evaluation import grounding_eval
    from inspire_training.grounding.settings import GroundingEvalSettings

    run = s.out / name
    grounding_eval(
        GroundingEvalSettings(
            checkpoint=run, data=(s.data / "grounding" / "held_out",), baseline=_grounding(s), threads=s.threads,
            out=run / "grounding.json",
        )
    )  # fmt: skip


def train_settings(s: GuidedSettings, name: str) -> dict[str, Any]:
    """Keyword arguments of TrainSettings for a rung."""
    from inspire_training.expert.config import ExpertConfig
    from inspire_training.expert.settings import CotrainingSettings, RateScales
    from inspire_training.settings import LossWeights

    rung, out = RUNGS[name], s.out / name
    return {
        "data": tuple(s.data / folder for folder in SHARES),
        "weights": tuple(SHARES.values()),
        "out": out,
        "preset": "tabletop-grounded",
        "expert": "dit",
        "dit": ExpertConfig(prompt=rung.prompt, bridge=rung.bridge),
        "grounding": CotrainingSettings(data=_grounding(s) if rung.cotraining else ()),
        "questions": "inspire" if rung.questions else "none",
        "init": s.out / "stage1" if rung.stage1 else None,
        "rates": RateScales(bridge=0.5 if rung.stage1 else 1.0),
        "loss": LossWeights(offsets=0.0, keypoints=0.0),  # the answers are the only spatial supervision
        "steps": s.scaled(s.steps),
        "batch": 32,
        "rate": 8e-4,
        "schedule": "cosine",
        "resume": recipe.begun(out),
        "threads": s.threads,
        "precision": s.precision,
        "seed": s.seed,
    }


def _train(s: GuidedSettings, name: str) -> None:
    from inspire_training.settings import TrainSettings
    from inspire_training.train import train

    train(TrainSettings(**train_settings(s, name)))


def _export(s: GuidedSettings, name: str) -> None:
    from inspire_training.export import export
    from inspire_training.settings import ExportSettings

    frames = s.data / "demos"
    export(
        ExportSettings(
            checkpoint=s.out / name, out=s.out / name / "bundle", frames=frames, name=name, bodies=("tabletop",)
        )
    )


def _evaluate(s: GuidedSettings, name: str) -> None:
    from inspire_training.evaluate import evaluated

    evaluated(
        name, bundle=str((s.out / name / "bundle").resolve()), split="all", episodes=s.scaled(s.episodes),
        seed=s.first_seed, out=s.out / name / "evaluation", workers=s.workers, videos="none",
    )  # fmt: skip


def _probe(s: GuidedSettings, name: str) -> None:
    from inspire_training.probing.command import probe
    from inspire_training.settings import ProbeSettings

    probe(
        ProbeSettings(
            bundle=str((s.out / name / "bundle").resolve()), episodes=s.scaled(8), seed=s.first_seed,
            workers=s.workers, out=s.out / name / "probe.json",
        )
    )  # fmt: skip


def _results(s: GuidedSettings) -> None:
    from inspire_training.results import results

    rungs = [f"{RUNGS[name].about}={s.out / name / 'evaluation'}" for name in s.rungs]
    results(tuple(rungs), out=s.out, ladder=tuple(rungs))


def main(arguments: list[str]) -> int:
    """The command line of `inspire recipe guided`; returns the exit code."""
    import tyro

    settings: GuidedSettings = tyro.cli(GuidedSettings, prog="inspire recipe guided", args=arguments)
    run_stages(settings.out, stages(settings))
    print(f"results: {settings.out / 'results.md'}", flush=True)
    return 0
