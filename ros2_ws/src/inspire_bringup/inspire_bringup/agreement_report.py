"""Does disagreement announce failure? `python -m inspire_bringup.agreement_report` runs the monitors over episodes.

Episodes come from recordings (`inspire_bringup.run sim --record-episodes FOLDER`) or files of traces given as
arguments, or are run afresh in this process with --episodes (a bundle in lockstep without ROS) and kept as
<out>/traces_<split>.jsonl. Writes report.json and roc.png. Exit codes: 0 written, 2 bad input.

A monitor scores an episode by its highest evidence. Over whole episodes that favours failures, which last longer: so
each AUC is given once more with what was known when the shortest episode ended (--early), where time says nothing yet.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from inspire_bringup.agreement_roc import Curve, curve
from inspire_bringup.agreement_scores import Timeline, first_warning, monitors, score
from inspire_bringup.agreement_traces import Trace, fresh_episodes, read_traces
from inspire_bringup.errors import BadInput, ExitCode
from inspire_bringup.options import Parser, finish
from inspire_bringup.runner import say
from inspire_policy.agreement import AgreementSettings
from inspire_sim.results import UNSEEN_SEEDS, wilson_interval


def report(traces: Sequence[Trace], settings: AgreementSettings, early: float | None = None) -> dict[str, Any]:
    """Curves and warnings of every monitor. Raises BadInput without failed and successful episodes.

    early: s of each episode that the early curves know of; None: as long as the shortest one.
    """
    early = min((trace.seconds for trace in traces), default=0.0) if early is None else early
    failed = [trace for trace in traces if not trace.success]
    succeeded = [trace for trace in traces if trace.success]
    if not failed or not succeeded:
        raise BadInput(
            f"agreement: expected failed and successful episodes, found {len(failed)} and {len(succeeded)}; run more "
            "--episodes, or a split that is harder"
        )
    found: dict[str, Any] = {}
    seconds = settings.persistence
    thresholds = {"motion": seconds, "geometry": seconds, "taken_back": settings.taken_back + 1}
    for name, monitor in monitors(settings).items():
        lines = {id(trace): monitor(trace) for trace in traces}
        bad, good = ([lines[id(trace)] for trace in some] for some in (failed, succeeded))
        found[name] = {
            "whole": _curve(bad, good, math.inf),
            "early": _curve(bad, good, early),
            "warned": _warned(bad, good, thresholds[name]) if name in thresholds else None,
        }
    times = [trace.seconds for trace in succeeded]
    return {
        "schema_version": 1,
        "episodes": {"failed": len(failed), "succeeded": len(succeeded)},
        "splits": sorted({trace.split for trace in traces if trace.split}),
        "settings": asdict(settings),
        "early_s": early,
        "success_seconds": {"p50": float(np.median(times)), "p95": float(np.percentile(times, 95))},
        "failure_seconds": {"p50": float(np.median([trace.seconds for trace in failed]))},
        "monitors": found,
    }


def _curve(bad: Sequence[Timeline], good: Sequence[Timeline], until: float) -> dict[str, Any]:
    found: Curve = curve([score(line, until) for line in bad], [score(line, until) for line in good])
    return {**asdict(found), "thresholds": [t if math.isfinite(t) else None for t in found.thresholds]}


def _warned(bad: Sequence[Timeline], good: Sequence[Timeline], threshold: float) -> dict[str, Any]:
    """At the threshold that the node warns at: how often in either kind, and when."""
    told: dict[str, Any] = {}
    for name, lines in (("failed", bad), ("succeeded", good)):
        times = [at for line in lines if (at := first_warning(line, threshold)) is not None]
        told[name] = {
            "warned": len(times),
            "of": len(lines),
            "wilson95": list(wilson_interval(len(times), len(lines))),
            "median_s": float(np.median(times)) if times else None,
        }
    return told


def table(content: Mapping[str, Any]) -> str:
    """The report for people."""
    episodes, seconds = content["episodes"], content["success_seconds"]
    early = f"AUC, first {content['early_s']:g} s"
    lines = [
        f"{episodes['failed']} failed and {episodes['succeeded']} successful episodes; these take {seconds['p50']:.1f} "
        f"s, 95 % at most {seconds['p95']:.1f} s",
        f"{'monitor':<12}{'AUC, whole':>22}{early:>24}   warned: failed, successful",
    ]
    for name, found in content["monitors"].items():
        cells = [f"{c['auc']:.2f} [{c['low']:.2f}, {c['high']:.2f}]" for c in (found["whole"], found["early"])]
        warned = found["warned"]
        told = ""
        if warned is not None:
            bad, good = warned["failed"], warned["succeeded"]
            when = "" if bad["median_s"] is None else f", median after {bad['median_s']:.1f} s"
            told = f"{bad['warned']} of {bad['of']}{when}; {good['warned']} of {good['of']}"
        lines.append(f"{name:<12}{cells[0]:>22}{cells[1]:>24}   {told}")
    return "\n".join(lines)


def draw(content: Mapping[str, Any], path: Path) -> None:
    """Both sets of curves as a PNG. Raises BadInput without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise BadInput("agreement: expected matplotlib for the picture, found none; run `make setup-training`") from (
            error
        )
    figure = Figure(figsize=(8.6, 4.3), layout="constrained")
    titles = {"whole": "whole episodes", "early": f"first {content['early_s']:g} s"}
    styles = dict(zip(content["monitors"], (("#0072B2", "-"), ("#D55E00", "-"), ("#009E73", "--"), ("0.5", ":"))))
    for number, (part, title) in enumerate(titles.items()):
        axes = figure.add_subplot(1, 2, number + 1)
        for name, found in content["monitors"].items():
            colour, style = styles[name]
            label = f"{name.replace('_', ' ')}, {found[part]['auc']:.2f}"
            axes.plot(
                [*found[part]["false_rates"], 1.0],
                [*found[part]["true_rates"], 1.0],
                style,
                color=colour,
                label=label,
            )
        axes.plot([0, 1], [0, 1], color="0.85", linewidth=1, zorder=0)
        axes.set(title=title, xlabel="successful episodes warned in", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_ylabel("failed episodes warned in" if number == 0 else "")
        axes.legend(title="monitor, AUC", loc="lower right", frameon=False, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _traces(options: argparse.Namespace, out: Path) -> list[Trace]:
    traces = [trace for path in options.paths for trace in read_traces(Path(path))]
    seeds = [UNSEEN_SEEDS + options.seed + index for index in range(options.episodes)]
    for split in options.splits.split(",") if seeds else ():
        file = out / f"traces_{split}.jsonl"
        done = read_traces(file) if file.exists() else []
        left = [seed for seed in seeds if str(seed) not in {trace.name for trace in done}]
        traces += [trace for trace in done if int(trace.name) in seeds]
        with open(file, "a") as stream:
            for trace in fresh_episodes(options.bundle, split, left):
                stream.write(trace.to_json() + "\n")
                stream.flush()
                say(f"{split} {trace.name}: {'success' if trace.success else 'failed'} after {trace.seconds:.1f} s")
                traces.append(trace)
    if not traces:
        raise BadInput("agreement: expected recordings, traces or --episodes, found none")
    return traces


def main(arguments: list[str] | None = None) -> int:
    """Write the report and return the exit code. Raises BringupError."""
    parser = Parser(
        prog="python -m inspire_bringup.agreement_report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    standard = AgreementSettings()
    parser.add_argument("paths", nargs="*", help="Folders of recordings, or files of traces.")
    parser.add_argument("--episodes", type=int, default=0, help="Fresh episodes of each split. Default: none.")
    parser.add_argument("--seed", type=int, default=800, help="First seed of fresh ones, from 1,000,000. Default: 800.")
    parser.add_argument(
        "--splits", default="unseen_positions,distractors", help="Of fresh episodes. Default: %(default)s."
    )
    parser.add_argument("--bundle", default="tabletop", help="Name or folder of the bundle. Default: tabletop.")
    parser.add_argument("--out", default="runs/agreement", help="Folder of what is written. Default: %(default)s.")
    parser.add_argument(
        "--early", type=float, default=None, help="Seconds for the early AUC. Default: those of the shortest episode."
    )
    for name in ("window", "motion_threshold", "geometry_threshold", "persistence"):
        value = getattr(standard, name)
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=float,
            default=value,
            help=f"As the node's parameter {name}. Default: {value:g}.",
        )
    options = parser.parse_args(arguments)
    try:
        settings = AgreementSettings(
            window=options.window,
            motion_threshold=options.motion_threshold,
            geometry_threshold=options.geometry_threshold,
            persistence=options.persistence,
        )
    except ValueError as error:
        raise BadInput(str(error)) from error
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    content = report(_traces(options, out), settings, options.early)
    (out / "report.json").write_text(json.dumps(content, indent=1) + "\n")
    draw(content, out / "roc.png")
    print(f"{table(content)}\nwritten: {out / 'report.json'}, {out / 'roc.png'}")
    return ExitCode.OK


if __name__ == "__main__":
    finish(main)
