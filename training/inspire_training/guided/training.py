"""Stage 1, and every rung from there to its bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inspire_training import recipe
from inspire_training.guided.rungs import RUNGS, SHARES, SOURCES, GuidedSettings


def stage1(s: GuidedSettings) -> None:
    """Grounding alone."""
    from inspire_training.grounding.settings import GroundingTrainSettings
    from inspire_training.grounding.training import train_grounding

    out = s.out / "stage1"
    train_grounding(
        GroundingTrainSettings(
            **_questions(s), out=out, steps=s.scaled(s.grounding_steps), resume=recipe.begun(out), threads=s.threads,
            precision=s.precision, seed=s.seed,
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
        "grounding": CotrainingSettings(**_questions(s) if rung.cotraining else {}),
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


def train_rung(s: GuidedSettings, name: str) -> None:
    """Stage 2 of one rung."""
    from inspire_training.settings import TrainSettings
    from inspire_training.train import train

    train(TrainSettings(**train_settings(s, name)))


def export_rung(s: GuidedSettings, name: str) -> None:
    """Its bundle."""
    from inspire_training.export import export
    from inspire_training.settings import ExportSettings

    frames = s.data / "demos"
    export(
        ExportSettings(
            checkpoint=s.out / name, out=Path(s.bundle(name)), frames=frames, name=name, bodies=("tabletop",)
        )
    )


def _questions(s: GuidedSettings) -> dict[str, Any]:
    """Where grounding questions come from, in both stages."""
    return {"data": s.grounding, "weights": tuple(SOURCES.values())}
