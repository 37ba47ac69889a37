"""`inspire measure`: the numbers of a tabletop policy that depend on its weights, all of them, by one command.

Every held-out split through the ROS graph; the same episodes with inference time added, paired; right answers where
the hand is led astray; the causal probe; decoding against plain greedy decoding, where the run that was exported is
given; then a page with tables and plots. Each is a stage: the same command goes on where it was cut, and numbers of
two bundles never mix.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from inspire_training.stages import Stage, run_stages

SPLIT = "unseen_positions"  # of the delayed episodes, where it is among the splits
BUNDLE_FILE = "bundle.json"


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """Every number of a tabletop policy that depends on its weights, in stages that can be cut and continued."""

    bundle: str = "tabletop"
    """Name or folder of the bundle."""
    out: Path = Path("runs/measure")
    """Folder of the numbers, the record of finished stages and results.md."""
    episodes: int = 200
    """In every split; 60 at most where the expert leads the hand, 30 at most of the probe."""
    splits: str = "all"
    """Or several with commas."""
    seed: int = 8000
    """First one of the splits, counted from 1,000,000; answers and probe begin 10,000 and 20,000 after it."""
    latency: float = 0.15
    """Inference time added in a second round of unseen positions, s; 0: no such round."""
    checkpoint: Path | None = None
    """The run that was exported, to compare every token with plain greedy decoding; needs data."""
    data: tuple[Path, ...] = ()
    """HDF5 files, or folders of them, whose observations are decoded both ways."""
    workers: int = 2

    def __post_init__(self) -> None:
        if (self.checkpoint is None) != (not self.data):
            raise ValueError("measure: expected both or neither of checkpoint and data, found one of them")


def stages(s: MeasureSettings, *, asks: bool) -> list[Stage]:
    """The stages in order. `asks`: the bundle asks for directions."""
    listed = [Stage("splits", partial(_evaluate, s, "splits", split=s.splits))]
    if s.latency:
        listed.append(Stage("latency", partial(_evaluate, s, "latency", split=_delayed(s), latency=s.latency)))
    if asks:
        listed.append(Stage("answers", partial(_answers, s)))
    listed.append(Stage("probe", partial(_probe, s)))
    if s.checkpoint is not None:
        listed.append(Stage("exactness", partial(_exactness, s, s.checkpoint)))
    return [*listed, Stage("results", partial(_results, s))]


def measure(settings: MeasureSettings) -> None:
    """Run the stages that are not done. Raises ValueError, BundleError, EvaluationError, and what the stages raise."""
    from inspire_policy.bundle import find_bundle, load_bundle
    from inspire_training.evaluation.folder import weights_of, write_file

    asks = load_bundle(find_bundle(settings.bundle)).manifest.questions
    mine = {"bundle": settings.bundle, "weights": weights_of(settings.bundle)}
    settings.out.mkdir(parents=True, exist_ok=True)
    claimed = settings.out / BUNDLE_FILE
    if not claimed.exists():
        write_file(claimed, json.dumps(mine, indent=1) + "\n")
    elif (found := json.loads(claimed.read_text())) != mine:
        raise ValueError(
            f"measure: expected the bundle that {settings.out} was begun with, {found['bundle']} "
            f"({found['weights']}), found {mine['bundle']} ({mine['weights']}); give another --out"
        )
    run_stages(settings.out, stages(settings, asks=asks))
    print(f"results: {settings.out / 'results.md'}; the card: inspire card --bundle {settings.bundle} --results "
          f"{settings.out / 'splits'}", flush=True)  # fmt: skip


def _delayed(s: MeasureSettings) -> str:
    named = [name.strip() for name in s.splits.split(",")]
    return SPLIT if s.splits == "all" or SPLIT in named else named[0]


def _evaluate(s: MeasureSettings, name: str, *, split: str, latency: float = 0.0) -> None:
    from inspire_training.evaluate import evaluated

    evaluated(
        name, bundle=s.bundle, split=split, episodes=s.episodes, seed=s.seed, latency=latency, workers=s.workers,
        out=s.out / name, videos="none" if latency else "failures",
    )  # fmt: skip


def _in_process(s: MeasureSettings, name: str, *, most: int, after: int) -> dict[str, Any]:
    """Keyword arguments of InProcessSettings: at most so many episodes, seeds so far after the splits' first one."""
    return {
        "bundle": s.bundle, "episodes": min(most, s.episodes), "seed": s.seed + after, "workers": s.workers,
        "out": s.out / f"{name}.json",
    }  # fmt: skip


def _answers(s: MeasureSettings) -> None:
    from inspire_training.answers import answers
    from inspire_training.settings import AnswersSettings

    answers(AnswersSettings(**_in_process(s, "answers", most=60, after=10_000)))


def _probe(s: MeasureSettings) -> None:
    from inspire_training.probing.command import probe
    from inspire_training.settings import ProbeSettings

    probe(ProbeSettings(**_in_process(s, "probe", most=30, after=20_000)))


def _exactness(s: MeasureSettings, checkpoint: Path) -> None:
    from inspire_training.settings import ExactnessSettings
    from inspire_training.speed.exactness import exactness

    exactness(
        ExactnessSettings(
            bundle=s.bundle, checkpoint=checkpoint, data=s.data, workers=s.workers, out=s.out / "exactness"
        )
    )


def _results(s: MeasureSettings) -> None:
    from inspire_training.results import results

    whole = s.out / "splits"
    undelayed = whole / _delayed(s) if (whole / _delayed(s)).is_dir() else whole
    ladder = (f"at once={undelayed}", f"{1e3 * s.latency:g} ms later={s.out / 'latency'}") if s.latency else ()
    results((f"{Path(s.bundle).name}={whole}",), out=s.out, ladder=ladder)


def main(arguments: list[str]) -> int:
    """The command line of `inspire measure`; returns the exit code."""
    import tyro

    measure(tyro.cli(MeasureSettings, prog="inspire measure", args=arguments))
    return 0
