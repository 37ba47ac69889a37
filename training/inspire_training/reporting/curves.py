"""Learning curves from the TensorBoard events of run folders, drawn as SVG in the colours of the page."""

from __future__ import annotations

import html
import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Curve = list[tuple[float, float]]
WIDTH, HEIGHT = 420, 216
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 28
COLOURS = 6
MOST_POINTS = 160


def read_curves(run: Path) -> dict[str, Curve]:
    """Tag -> (step, value) of a run, in order. Raises ValueError where there are none."""
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it warns of every run that was resumed
    folder = run / "curves" if (run / "curves").is_dir() else run
    if not any(folder.glob("events.out.tfevents.*")):
        raise ValueError(
            f"{run}: expected the curves of a training run (curves/events.out.tfevents.*), found none; name the folder "
            "that `inspire train --out` wrote"
        )
    events = EventAccumulator(str(folder), size_guidance={SCALARS: 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["scalars"]:
        points = {float(e.step): float(e.value) for e in events.Scalars(tag) if math.isfinite(e.value)}
        if len(points) > 1:
            found[tag] = sorted(points.items())
    if not found:
        raise ValueError(f"{run}: expected at least two points of a curve, found none; train longer")
    return found


def by_tag(runs: Mapping[str, Mapping[str, Curve]]) -> dict[str, dict[str, Curve]]:
    """Tag -> run -> curve, validation first, then those that more runs have; what never changes is left out."""
    found: dict[str, dict[str, Curve]] = defaultdict(dict)
    for run, curves in runs.items():
        for tag, curve in curves.items():
            if not tag.endswith("samples_per_second") and len({value for _, value in curve}) > 1:
                found[tag][run] = curve
    return dict(sorted(found.items(), key=lambda item: (not item[0].startswith("validation"), -len(item[1]), item[0])))


def draw(curves: Mapping[str, Curve], order: Sequence[str], label: str) -> str:
    """One plot as SVG: a line per run, whose colour is its place in `order`. Large ranges get a logarithmic axis."""
    values = np.array([value for curve in curves.values() for _, value in curve])
    steps = max(step for curve in curves.values() for step, _ in curve)
    low, high = np.percentile(values, [0.5, 99.5])
    logarithmic = bool(low > 0 and high / low > 30)
    ticks = _decades(low, high) if logarithmic else _ticks(low, high)
    low, high = (min(ticks[0], low), max(ticks[-1], high))

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(steps, 1.0)

    def y(value: float) -> float:
        a, b, c = (math.log10(max(v, 1e-12)) for v in (low, high, value)) if logarithmic else (low, high, value)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (min(max(c, a), b) - a) / max(b - a, 1e-12))

    parts = [f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(label)}">']
    for tick in ticks:
        parts.append(
            f'<line class="grid-line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.4g}</text>')
    floor = HEIGHT - BOTTOM
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>')
    for tick in (t for t in _ticks(0.0, steps) if t <= steps):
        anchor = "end" if x(tick) > WIDTH - 30 else "middle"
        parts.append(f'<text x="{x(tick):.1f}" y="{floor + 18}" text-anchor="{anchor}">{_short(tick)}</text>')
    for run, curve in curves.items():
        points = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in _thinned(curve))
        parts.append(f'<polyline points="{points}" stroke="var(--s{order.index(run) % COLOURS})"/>')
    return "".join([*parts, "</svg>"])


def legend(runs: Sequence[str]) -> str:
    """Names of the runs beside their colours."""
    marks = (
        f'<span><i style="background:var(--s{i % COLOURS})"></i>{html.escape(run)}</span>' for i, run in enumerate(runs)
    )
    return f'<div class="legend">{"".join(marks)}</div>'


def _thinned(curve: Curve) -> Curve:
    """Means of neighbours where there are more points than one sees."""
    if len(curve) <= MOST_POINTS:
        return curve
    parts = np.array_split(np.array(curve), MOST_POINTS)
    return [(float(part[:, 0].mean()), float(part[:, 1].mean())) for part in parts]


def _ticks(low: float, high: float) -> list[float]:
    """Four or so round numbers from below `low` to above `high`."""
    span = max(high - low, abs(high) * 1e-3, 1e-9)
    step = 10.0 ** math.floor(math.log10(span / 3))
    step *= next((m for m in (1, 2, 5, 10) if span / (m * step) <= 4), 10)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    return [10.0**n for n in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _short(step: float) -> str:
    return f"{step / 1000:g}k" if step >= 1000 else f"{step:g}"
