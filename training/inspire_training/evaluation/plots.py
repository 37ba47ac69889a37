"""Pictures of evaluations as small PNG files: success per split, confusion of directions, success over the table.

Colours are those of Okabe and Ito and the map cividis: both are told apart by colour-blind readers, and every colour is
accompanied by a shape or a number. Figures are drawn without a display.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from inspire_policy.directions import REP103
from inspire_sim.results import REFUSED, EpisodeResult, wilson_interval

CELL = 0.05  # m, of the map
MOST_ANSWERS = 14
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DPI = 110


def success_plot(path: Path, evaluations: Mapping[str, Mapping[str, Sequence[EpisodeResult]]]) -> None:
    """Success with Wilson intervals: a row per split, a colour per evaluation (name -> split -> episodes)."""
    splits = list(dict.fromkeys(split for parts in evaluations.values() for split in parts))
    names = list(evaluations)
    figure = Figure(figsize=(7.2, 1.3 + len(splits) * (0.28 + 0.2 * len(names))), layout="constrained")
    axes = figure.add_subplot()
    for i, name in enumerate(names):
        offset = (i - (len(names) - 1) / 2) * 0.7 / len(names)
        labelled = False
        for row, split in enumerate(splits):
            episodes = evaluations[name].get(split)
            if episodes is None:
                continue
            successes = sum(e.success for e in episodes)
            low, high = wilson_interval(successes, len(episodes))
            rate = successes / len(episodes)
            axes.errorbar(
                rate, row + offset, xerr=[[rate - low], [high - rate]], fmt=_MARKERS[i % 6], color=_COLOURS[i % 6],
                capsize=3, markersize=6, label=None if labelled else name,
            )  # fmt: skip
            axes.annotate(
                f"{successes}/{len(episodes)}", (1.0, row + offset), xycoords=("axes fraction", "data"),
                xytext=(6, 0), textcoords="offset points", va="center", fontsize=9, color=_COLOURS[i % 6],
                annotation_clip=False,
            )  # fmt: skip
            labelled = True
    axes.set_yticks(range(len(splits)), [split.replace("_", " ") for split in splits])
    axes.set_ylim(len(splits) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("episodes that succeeded, 95 % Wilson interval")
    axes.grid(axis="x", color="0.88")
    axes.spines[["top", "right"]].set_visible(False)
    if len(names) > 1:
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    _save(figure, path)


def confusion_plot(path: Path, episodes: Sequence[EpisodeResult]) -> bool:
    """True direction against the answer, shares of each row; False when there is nothing to draw, or more answers than
    a matrix can show.
    """
    counts = confusion_counts(episodes)
    true, answered = ({pair[i] for pair in counts} for i in (0, 1))
    known = [word for word in REP103.words if word in true | answered]
    words = known + sorted((true | answered) - set(known))
    rows = [word for word in words if word in true]
    if not rows or len(words) > MOST_ANSWERS:
        return False
    matrix = np.array([[counts[row, word] for word in words] for row in rows], dtype=float)
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    figure = Figure(figsize=(1.9 + 0.72 * len(words), 1.3 + 0.48 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*shares.shape):
        if matrix[row, column]:
            text = f"{100 * shares[row, column]:.1f} %\n{int(matrix[row, column])}"
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(words)), words)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("answer of the policy")
    axes.set_ylabel("in truth")
    axes.set_xticks(np.arange(len(words) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white")
    axes.tick_params(which="both", length=0)
    _save(figure, path)
    return True


def confusion_counts(episodes: Sequence[EpisodeResult]) -> Counter[tuple[str, str]]:
    """(true word, answered word) -> how many answers, ties left out."""
    counts: Counter[tuple[str, str]] = Counter()
    for episode in episodes:
        for word, (_, right) in episode.directions.items():
            counts[word, word] += right
        for pair, count in episode.confusions.items():
            true, _, answered = pair.partition(">")
            counts[true, answered] += count
    return +counts


def map_plot(path: Path, episodes: Sequence[EpisodeResult]) -> bool:
    """Success by the start of the target, the table seen from above with the robot below; False without any start."""
    tried = [e for e in episodes if e.failure != REFUSED]  # an instruction refused says nothing about places
    placed = [(e.target_start, e.success) for e in tried if e.target_start is not None]
    if not placed:
        return False
    cells: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for start, success in placed:
        cells[int(np.floor(start[0] / CELL)), int(np.floor(start[1] / CELL))].append(success)
    low, high = (np.array([f(index) for index in zip(*cells)]) for f in (min, max))
    shares = np.full(high - low + 1, np.nan)
    for cell, outcomes in cells.items():
        shares[cell[0] - low[0], cell[1] - low[1]] = np.mean(outcomes)
    figure = Figure(figsize=(7.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    edges = [np.arange(low[i], high[i] + 2) * CELL for i in (0, 1)]
    mesh = axes.pcolormesh(edges[1], edges[0], shares, cmap="cividis", vmin=0, vmax=1, edgecolors="white")
    for (i, j), outcomes in cells.items():
        share = float(np.mean(outcomes))
        axes.text(
            (j + 0.5) * CELL, (i + 0.5) * CELL, f"{sum(outcomes)}/{len(outcomes)}", ha="center", va="center",
            fontsize=9, color="black" if share > 0.5 else "white",
        )  # fmt: skip
    for name, (place_x, place_y) in _destinations(episodes).items():
        axes.plot(place_y, place_x, marker="s", markersize=30, fillstyle="none", color="0.3")
        axes.annotate(name, (place_y, place_x), ha="center", va="center", fontsize=8, color="0.2")
    axes.set_aspect("equal")
    axes.invert_xaxis()  # y points to the robot's left
    axes.use_sticky_edges = False  # the markers need room around the cells
    axes.margins(0.08)
    axes.set_xlabel("y of the target at the start, m (left of the robot is left)")
    axes.set_ylabel("x, m (the robot's base is below, at x = 0)")
    colours = figure.colorbar(mesh, ax=axes, shrink=0.9, format=PercentFormatter(1))
    colours.set_label(f"success in cells of {100 * CELL:.0f} cm")
    _save(figure, path)
    return True


def _destinations(episodes: Sequence[EpisodeResult]) -> dict[str, Any]:
    """Where the destinations stood on average, (x, y) in m, by name."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for episode in episodes:
        if episode.destination_start is not None and len(episode.objects) > 1:
            found[episode.objects[1]].append(episode.destination_start)
    return {name: np.mean(places, axis=0) for name, places in found.items()}


def _save(figure: Figure, path: Path) -> None:
    """Write the PNG so that it is there completely or not at all; the same figure gives the same bytes.

    A palette makes it a third as large as true colour, at no difference that one sees.
    """
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with Image.open(drawn) as picture:
            picture.convert("RGB").quantize(128).save(partial, format="png", optimize=True)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
