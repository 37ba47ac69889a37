"""`inspire report`: evaluations, ladders, curves, films, attention and grounding as one HTML file without a network."""

from __future__ import annotations

import shlex
from pathlib import Path

import tyro

from inspire_training.evaluation.folder import write_file
from inspire_training.evaluation.saved import SavedError, read_rungs, read_saved
from inspire_training.names import named_paths
from inspire_training.reporting import evaluations as chapters
from inspire_training.reporting import html, models
from inspire_training.reporting.assets import Assets
from inspire_training.reporting.settings import ReportSettings

ROOM = 400_000  # characters kept for tables, text and curves


def report(settings: ReportSettings, command: str = "inspire report") -> Path:
    """Write the file and return where it is. `command`: how it was asked for, for the last line of the page.

    Raises ValueError (SavedError, InputError, AssetError) for what was named and is not there or not what it should be.
    """
    if not (settings.evaluations or settings.ladder or settings.runs or settings.attention or settings.grounding):
        raise SavedError("report: expected at least one folder, found none; see `inspire report --help`")
    if settings.megabytes * 1e6 < 2 * ROOM:
        raise ValueError(f"megabytes: expected {2 * ROOM / 1e6:g} or more, found {settings.megabytes:g}")
    named = {name: read_saved(path) for name, path in named_paths(settings.evaluations, "report").items()}
    rungs = read_rungs(named_paths(settings.ladder, "ladder", SavedError))
    everything = chapters.named([named, rungs])
    for parts in everything.values():
        chapters.check_lines(parts)
    assets = Assets(int(settings.megabytes * 1e6) - ROOM)
    sections: dict[str, str] = {}
    # Films come last, since they may be left out; chapters are ordered for the reader below.
    if named:
        sections["Evaluations"] = chapters.chapter(named, assets)
    if rungs:
        sections["Ladder"] = chapters.ladder(rungs)
    if settings.runs:
        sections["Learning curves"] = models.learning(named_paths(settings.runs, "runs"))
    if settings.attention:
        sections["Attention"] = models.attention(named_paths(settings.attention, "attention"), assets)
    if settings.grounding:
        sections["Grounding"] = models.grounding(named_paths(settings.grounding, "grounding"), assets)
    if everything:
        sections["Failures"] = chapters.failures(everything, assets, settings.films)
    if assets.left_out:
        sections["Left out"] = _left_out(assets)
    order = [n for n in ("Evaluations", "Ladder", "Failures", "Learning curves", "Attention", "Grounding", "Left out")]
    text = html.page(
        settings.title,
        "Success rates stand with their Wilson 95 % intervals; comparisons are paired, episode by episode.",
        chapters.cards(named or rungs),
        [(name, sections[name]) for name in order if name in sections],
        f"Made by `{command}`. This file needs no network: pictures and films are inside it.",
    )
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    write_file(settings.out, text)
    size = settings.out.stat().st_size / 1e6
    missing = f", {len(assets.left_out)} pictures or films left out (see its end)" if assets.left_out else ""
    print(f"written: {settings.out}, {size:.1f} MB{missing}")
    return settings.out


def _left_out(assets: Assets) -> str:
    rows = [("what", "why"), *assets.left_out]
    return html.section("Left out", html.group("left-out", [html.table(rows)]))


def main(arguments: list[str] | None = None) -> int:
    """The command line of `report`; returns its exit code."""
    chosen = tyro.cli(ReportSettings, prog="inspire report", args=arguments)
    report(chosen, shlex.join(["inspire", "report", *(arguments or [])]))
    return 0
