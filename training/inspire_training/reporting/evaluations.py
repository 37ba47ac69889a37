"""The chapters about evaluations: tables and plots of each, the ladder, failures by kind with their films."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from inspire_sim.results import REFUSED, EpisodeResult, summary
from inspire_training.evaluation.folder import EPISODES_FILE
from inspire_training.evaluation.page import described, ladder_rows, object_rows, split_rows
from inspire_training.evaluation.plots import confusion_plot, map_plot, success_plot
from inspire_training.evaluation.saved import SavedError, SavedSplit
from inspire_training.evaluation.splits import percent
from inspire_training.evaluation.videos import video_path
from inspire_training.reporting import html
from inspire_training.reporting.assets import Assets

Evaluations = Mapping[str, Mapping[str, SavedSplit]]


def check_lines(parts: Mapping[str, SavedSplit]) -> None:
    """Every line of the episodes.jsonl beside a result is an episode. Raises SavedError with the number of the line."""
    for saved in parts.values():
        path = saved.folder / EPISODES_FILE
        for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], start=1):
            try:
                EpisodeResult.from_json(line)
            except ValueError as error:
                raise SavedError(
                    f"{path}, line {number}: expected an episode as JSON, found {line[:60]!r}; remove the line and run "
                    "`inspire evaluate` with the same --out again"
                ) from error


def cards(evaluations: Evaluations) -> list[str]:
    """The success of each evaluation, all its splits together; instructions that were refused are counted apart."""
    found = []
    for name, parts in evaluations.items():
        everything = [episode for saved in parts.values() for episode in saved.episodes]
        tried = [episode for episode in everything if episode.failure != REFUSED]
        refused = f"; {len(everything) - len(tried)} more refused" if len(tried) < len(everything) else ""
        total = summary(tried or everything)
        low, high = total["wilson95"]
        splits = f"{len(parts)} splits" if len(parts) > 1 else next(iter(parts)).replace("_", " ")
        found.append(
            html.card(
                name,
                percent(total["success_rate"]),
                f"{total['successes']} of {total['trials']} episodes, {splits}{refused}",
                f"95 %: {100 * low:.1f} to {100 * high:.1f} %; answers right: {percent(total['direction_accuracy'])}",
            )
        )
    return found


def chapter(evaluations: Evaluations, assets: Assets) -> str:
    """Tables and plots of all evaluations."""
    parts = []
    with tempfile.TemporaryDirectory(prefix="inspire_report_") as scratch:
        place = Path(scratch)
        episodes = {name: {split: s.episodes for split, s in splits.items()} for name, splits in evaluations.items()}
        success_plot(place / "success.png", episodes)
        parts.append(_plot(place / "success.png", "Success per split, with 95 % Wilson intervals.", assets))
        for name, splits in evaluations.items():
            parts += [html.heading(name), html.paragraph(described(splits)), html.table(split_rows(splits))]
            objects = object_rows(splits)
            everything = [episode for saved in splits.values() for episode in saved.episodes]
            plots = [html.table(objects)] if len(objects) > 1 else []
            if confusion_plot(place / "confusion.png", everything):
                caption = "True directions and the answers to them; each row adds up to 100 %."
                plots.append(_plot(place / "confusion.png", caption, assets))
            if map_plot(place / "map.png", everything):
                caption = "Success by where the target stood at the start, seen from above."
                plots.append(_plot(place / "map.png", caption, assets))
            parts.append(html.group("pair", [plot for plot in plots if plot]))
    return html.section("Evaluations", *parts)


def ladder(rungs: Evaluations) -> str:
    """A table per split."""
    first = next(iter(rungs))
    lead = (
        f"The same seeds in every row. Each rung is compared with **{first}** episode by episode: the difference of "
        "the success rates with Newcombe's 95 % interval, and McNemar's exact test."
    )
    parts = [html.paragraph(lead)]
    for split, rows in ladder_rows(rungs).items():
        parts += [html.heading(split.replace("_", " ")), html.table(rows)]
    return html.section("Ladder", *parts)


def failures(evaluations: Evaluations, assets: Assets, films: int) -> str:
    """Kinds of failure, and films of them: of every kind one, then the second ones, while there is room."""
    kinds = _kinds(evaluations)
    if not kinds:
        return html.section("Failures", html.paragraph("Every episode succeeded."))
    counts: Counter[tuple[str, str]] = Counter()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, failed in kinds.items():
        for name, _, episode in failed:
            counts[kind, name] += 1
            reasons[kind][episode.reason] += 1
    rows: list[tuple[str, ...]] = [("kind, and how far it came", *evaluations, "most often said")]
    for kind in kinds:
        said = reasons[kind].most_common(1)[0][0]
        rows.append((kind, *(str(counts[kind, name] or "") for name in evaluations), said or "-"))
    turns = zip_longest(*kinds.values())
    order = [one for turn in turns for one in turn if one is not None and one[2].failure != REFUSED]  # nothing moved
    shown: list[str] = []
    skipped = 0
    for name, saved, episode in order:
        if len(shown) == films:
            skipped += 1
            continue
        told = f"{name}, {saved.split.replace('_', ' ')}, seed {episode.seed}"
        url = assets.film(_film(saved, episode), f"film of {told}")
        if url is not None:
            shown.append(
                html.video(url, f"{told}: “{episode.instruction}” {_kind(episode)} after {episode.steps} steps.")
            )
    more = f"{skipped} further failures are not shown; --films says how many are." if skipped else ""
    return html.section(
        "Failures",
        html.table(rows),
        html.group("grid", shown),
        html.paragraph(more, "note") if more else "",
        html.paragraph("No film of a failed episode was found.", "note") if not shown else "",
    )


def _kinds(evaluations: Evaluations) -> dict[str, list[tuple[str, SavedSplit, EpisodeResult]]]:
    """Kind of failure -> evaluation, split and episode; the commonest kind first."""
    kinds: dict[str, list[tuple[str, SavedSplit, EpisodeResult]]] = defaultdict(list)
    for name, parts in evaluations.items():
        for saved in parts.values():
            for episode in saved.episodes:
                if not episode.success:
                    kinds[_kind(episode)].append((name, saved, episode))
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def _kind(episode: EpisodeResult) -> str:
    return f"{episode.failure}, {episode.stage}" if episode.stage else episode.failure


def _film(saved: SavedSplit, episode: EpisodeResult) -> Path:
    """The film of an episode, in whichever format there is one."""
    path = video_path(saved.folder, episode)
    other = path.with_suffix(".webm")
    return other if other.is_file() and not path.is_file() else path


def _plot(path: Path, caption: str, assets: Assets) -> str:
    url = assets.plot(path)
    return html.picture(url, caption, "plot") if url else ""


def named(evaluations: Sequence[Evaluations]) -> dict[str, dict[str, SavedSplit]]:
    """Several sets of evaluations as one; one folder named in two of them counts once."""
    found: dict[str, dict[str, SavedSplit]] = {}
    seen: set[Path] = set()
    for group in evaluations:
        for name, parts in group.items():
            folder = next(iter(parts.values())).folder.resolve()
            if folder not in seen:
                seen.add(folder)
                found[name if name not in found else f"{name} (ladder)"] = dict(parts)
    return found
