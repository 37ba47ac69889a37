"""The chapters about models: learning curves, attention sheets with their numbers, grounding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inspire_training.attention.mass import difference_lines
from inspire_training.attention.mass import table as attention_table
from inspire_training.reporting import html
from inspire_training.reporting.assets import Assets
from inspire_training.reporting.curves import by_tag, draw, legend, read_curves

ATTENTION_FILE = "attention.json"
PICTURES = (".png", ".jpg", ".jpeg")


class InputError(ValueError):
    """A folder or file that was named holds something else."""


def learning(runs: Mapping[str, Path]) -> str:
    """A plot per number that was logged, a line per run."""
    curves = {name: read_curves(path) for name, path in runs.items()}
    order = list(curves)
    plots = []
    for tag, of in by_tag(curves).items():
        kind, _, number = tag.partition("/")
        title = f"{number or kind}, {'held out' if kind == 'validation' else kind}".replace("_", " ")
        name = f'<figcaption class="plot-name">{html.text(title)}</figcaption>'
        plots.append(f"<figure>{name}{draw(of, order, title)}</figure>")
    lead = "By training step, held-out trajectories first; logarithmic where values span more than a factor of 30."
    return html.section("Learning curves", html.paragraph(lead), legend(order), html.group("grid", plots))


def attention(folders: Mapping[str, Path], assets: Assets) -> str:
    """The table of each folder, and its contact sheets."""
    parts = [
        html.paragraph(
            "Where the rows that answer and act look. Share: of the attention on the picture; area: of the picture "
            "that the object covers; times area: 1 is what an even spread gives, with 95 % intervals over episodes."
        )
    ]
    for name, folder in folders.items():
        content = read_attention(folder)
        parts += [
            html.heading(name),
            html.paragraph(f"{content['frames']} frames of {len(content['episodes'])} episodes."),
        ]
        lines = attention_table(content["summary"]).splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]
        if len(rows) > 1:
            parts.append(html.table(rows))
        parts += [html.paragraph(line, "note") for line in difference_lines(content.get("differences", ()))]
        for sheet in content["sheets"]:
            url = assets.photograph(folder / sheet, f"attention sheet {sheet}")
            if url:
                parts.append(html.picture(url, f"{sheet.removesuffix('.png').replace('_', ' ')}"))
    return html.section("Attention", *parts)


def grounding(paths: Mapping[str, Path], assets: Assets) -> str:
    """Tables of what a model grounds beside the trivial baselines, and pictures of it."""
    parts = []
    for name, path in paths.items():
        parts.append(html.heading(name))
        if path.is_dir():
            pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
            if not pictures:
                raise InputError(f"grounding: expected pictures ({', '.join(PICTURES)}) in {path}, found none")
            found = [(p, assets.photograph(p, f"grounding picture {p.name}")) for p in pictures]
            parts.append(html.group("grid", [html.picture(url, p.stem.replace("_", " ")) for p, url in found if url]))
        else:
            parts += [html.table(_grounding_rows(_json(path, "grounding", "inspire grounding-eval --out"), path))]
    return html.section("Grounding", *parts)


def read_attention(folder: Path) -> dict[str, Any]:
    """What `inspire attention` wrote. Raises InputError."""
    content = _json(folder / ATTENTION_FILE, "attention", "inspire attention --out")
    lacking = [name for name in ("summary", "sheets", "frames", "episodes") if name not in content]
    if lacking:
        raise InputError(f"{folder / ATTENTION_FILE}: expected {', '.join(lacking)} in it, found none; write it again")
    return content


def _grounding_rows(content: Mapping[str, Any], path: Path) -> list[list[str]]:
    from inspire_training.grounding.evaluation import table

    try:
        # What there is none of was written as null; the table says so of numbers that are none.
        tasks = {
            task: {
                who: {k: float("nan") if v is None else v for k, v in found[who].items()}
                for who in ("model", "baseline")
            }
            for task, found in content["tasks"].items()
        }
        lines = table(tasks).splitlines()
    except (KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: expected what `inspire grounding-eval --out` writes, found no {error}") from error
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


def _json(path: Path, what: str, command: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{what}: expected {path}, found none; `{command}` writes it") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: expected JSON, found {error}; write it again with `{command}`") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object of JSON, found {type(content).__name__}")
    return content
