"""What is measured of stage 1 and of every rung, and the pages that say it."""

from __future__ import annotations

from inspire_training.guided.rungs import RUNGS, GuidedSettings

DUAL = 4  # inferences per run of the language model, at the dual rate


def ask(s: GuidedSettings, name: str) -> None:
    """Grounding questions about held-out images, with pictures of the answers."""
    from inspire_training.grounding.evaluation import grounding_eval
    from inspire_training.grounding.settings import GroundingEvalSettings

    run = s.out / name
    grounding_eval(
        GroundingEvalSettings(
            checkpoint=run, data=(s.held_out,), baseline=s.grounding, threads=s.threads,
            out=run / "grounding.json", pictures=run / "grounding",
        )
    )  # fmt: skip


def evaluate_rung(s: GuidedSettings, name: str) -> None:
    """In every held-out split; films of the last rung's failures, for the report."""
    from inspire_training.evaluate import evaluated

    evaluated(
        name, bundle=s.bundle(name), split="all", episodes=s.scaled(s.episodes), seed=s.first_seed,
        out=s.out / name / "evaluation", workers=s.workers, videos="failures" if name == s.rungs[-1] else "none",
    )  # fmt: skip


def probe_rung(s: GuidedSettings, name: str) -> None:
    """Wrong answers where it is asked, and another object's name."""
    from inspire_training.probing.command import probe
    from inspire_training.settings import ProbeSettings

    probe(
        ProbeSettings(
            bundle=s.bundle(name), episodes=s.scaled(8), seed=s.first_seed,
            workers=s.workers, out=s.out / name / "probe.json",
        )
    )  # fmt: skip


def evaluate_dual(s: GuidedSettings, name: str) -> None:
    """Unseen positions once more, the language model in every fourth inference only."""
    from inspire_training.evaluate import evaluated

    evaluated(
        f"{name}, dual rate", bundle=s.bundle(name), split="unseen_positions", episodes=s.scaled(s.episodes),
        seed=s.first_seed, out=s.out / name / "dual", workers=s.workers, videos="none", language_every=DUAL,
    )  # fmt: skip


def attend(s: GuidedSettings) -> None:
    """Where the first rung and the last look, on held-out images."""
    from inspire_training.attention.command import attention
    from inspire_training.attention.settings import AttentionSettings

    names = dict.fromkeys((s.rungs[0], s.rungs[-1]))
    attention(
        AttentionSettings(
            checkpoint=tuple(f"{name}={s.out / name}" for name in names), data=s.held_out, method="rollout",
            out=s.out / "attention", sheets=2, threads=s.threads,
        )
    )  # fmt: skip


def write_pages(s: GuidedSettings) -> None:
    """results.md with its plots, and report.html, which needs nothing beside it."""
    from inspire_training.reporting.command import report
    from inspire_training.reporting.settings import ReportSettings
    from inspire_training.results import results

    rungs = tuple(f"{RUNGS[name].about}={s.out / name / 'evaluation'}" for name in s.rungs)
    results(rungs, out=s.out, ladder=rungs)
    asked = ["stage1", *(name for name in s.rungs if RUNGS[name].cotraining)]
    report(
        ReportSettings(
            evaluations=rungs,
            ladder=rungs,
            runs=tuple(f"{name}={s.out / name}" for name in ("stage1", *s.rungs)),
            attention=(str(s.out / "attention"),),
            grounding=(
                *(f"{name}={s.out / name / 'grounding.json'}" for name in asked),
                *(f"{name}, pictures={s.out / name / 'grounding'}" for name in dict.fromkeys(("stage1", asked[-1]))),
            ),
            out=s.out / "report.html",
            title=f"Spatially guided training: {', '.join(s.rungs)}",
        ),
        "inspire recipe guided",
    )
