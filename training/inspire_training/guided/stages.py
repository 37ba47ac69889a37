"""`inspire recipe guided`: the stages of the ladder in order."""

from __future__ import annotations

from functools import partial

from inspire_training.guided import data, evidence, training
from inspire_training.guided.rungs import RUNGS, GuidedSettings
from inspire_training.stages import Stage, run_stages


def stages(s: GuidedSettings) -> list[Stage]:
    """The stages in order: demonstrations and a DAgger round, grounding records, stage 1, and each rung."""
    beside = max(1, s.workers - 1)
    listed = [
        Stage("demos", partial(data.demos, s, "demos", 240, 0)),
        Stage("glances", partial(data.demos, s, "glances", 800, 10_000, glance=24)),
        Stage("dagger", partial(data.dagger, s)),
        Stage("grounding_episodes", partial(data.record, s, "episodes", 640, 200_000, beside), aside=True),
        Stage("grounding_glances", partial(data.record, s, "glances", 4000, 210_000, beside, glance=10), aside=True),
        Stage("grounding_held_out", partial(data.record, s, "held_out", 40, 0, beside, held_out=True), aside=True),
        Stage("stage1", partial(training.stage1, s), trains=True),
        Stage("stage1_asked", partial(evidence.ask, s, "stage1")),
    ]
    for name in s.rungs:
        listed += [
            Stage(name, partial(training.train_rung, s, name), trains=True),
            Stage(f"{name}_bundle", partial(training.export_rung, s, name)),
            Stage(f"{name}_evaluated", partial(evidence.evaluate_rung, s, name)),
        ]
        if RUNGS[name].cotraining:
            listed.append(Stage(f"{name}_asked", partial(evidence.ask, s, name)))
        listed.append(Stage(f"{name}_probed", partial(evidence.probe_rung, s, name)))
    last = s.rungs[-1]
    return [
        *listed,
        Stage(f"{last}_dual", partial(evidence.evaluate_dual, s, last)),
        Stage("attention", partial(evidence.attend, s)),
        Stage("pages", partial(evidence.write_pages, s)),
    ]


def main(arguments: list[str]) -> int:
    """The command line of `inspire recipe guided`; returns the exit code."""
    import tyro

    settings: GuidedSettings = tyro.cli(GuidedSettings, prog="inspire recipe guided", args=arguments)
    run_stages(settings.out, stages(settings))
    print(f"written: {settings.out / 'results.md'}, {settings.out / 'report.html'}", flush=True)
    return 0
