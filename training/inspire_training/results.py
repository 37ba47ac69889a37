"""`inspire results FOLDER...`: the generated part of docs/results.md and its pictures, from finished evaluations."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import tyro

from inspire_training.evaluation.folder import write_file
from inspire_training.evaluation.page import evaluation_section, insert_section, ladder_section, pictures
from inspire_training.evaluation.saved import SavedError, read_rungs, read_saved
from inspire_training.names import named_paths, slug

PAGE = "results.md"
IMAGES = "images"


def results(
    folders: tyro.conf.Positional[tuple[str, ...]],
    out: Path = Path("docs"),
    ladder: tuple[str, ...] = (),
) -> int:
    """Write tables and plots of evaluations into OUT/results.md and OUT/images; returns 0. Raises SavedError.

    What stands in the page outside of the two comments `inspire results: begin` and `end` is left as it is; pictures
    that only the earlier section showed are removed.

    Args:
        folders: finished evaluations, of one split or of several, as FOLDER or NAME=FOLDER.
        out: folder of the page.
        ladder: NAME=FOLDER of evaluations over the same seeds; each is compared with the first.
    """
    from inspire_training.evaluation.plots import confusion_plot, map_plot, success_plot

    if not folders and not ladder:
        raise SavedError("results: expected at least one FOLDER or --ladder NAME=FOLDER, found none")
    evaluations = {name: read_saved(folder) for name, folder in named_paths(folders, "results", SavedError).items()}
    rungs = read_rungs(named_paths(ladder, "results", SavedError))
    sections = ["## Evaluations", "", f"Made by `{_command(folders, out, ladder)}`; changes here are overwritten."]
    images = out / IMAGES
    if evaluations:
        shown = {name: {split: s.episodes for split, s in parts.items()} for name, parts in evaluations.items()}
        success_plot(images / "results_success.png", shown)
        sections += ["", f"![Success per split, with intervals]({IMAGES}/results_success.png)"]
    for name, parts in evaluations.items():
        sections += ["", evaluation_section(name, parts)]
        episodes = [episode for saved in parts.values() for episode in saved.episodes]
        confusion, places = (f"results_{kind}_{slug(name)}.png" for kind in ("confusion", "map"))
        if confusion_plot(images / confusion, episodes):
            sections += ["", f"![True directions and the answers to them, all splits]({IMAGES}/{confusion})"]
        if map_plot(images / places, episodes):
            sections += ["", f"![Success by where the target stood, all splits]({IMAGES}/{places})"]
    if rungs:
        sections += ["", ladder_section(rungs)]
    page = out / PAGE
    text = page.read_text() if page.exists() else "# Results\n"
    out.mkdir(parents=True, exist_ok=True)
    new = insert_section(text, "\n".join(sections))
    write_file(page, new)
    for gone in pictures(text) - pictures(new):
        (out / gone).unlink(missing_ok=True)
    print(f"written: {page}, {images}/results_*.png")
    return 0


def _command(folders: Sequence[str], out: Path, ladder: Sequence[str]) -> str:
    words = ["inspire", "results", *folders, "--out", str(out)]
    return shlex.join([*words, "--ladder", *ladder] if ladder else words)


def main(arguments: list[str] | None = None) -> int:
    """The command line of `results`; returns its exit code."""
    return int(tyro.cli(results, prog="inspire results", args=arguments))
