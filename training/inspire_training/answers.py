"""`inspire answers`: are the answers right wherever the hand is?

A policy that does its task sees few places: a target lies ahead and below, and what is behind the hand is hardly ever
asked about, so a rate over such frames says little about the rarer answers. Here the scripted expert acts, led
astray at the start and once it holds something (as in the recipe's stage `detours`), in scenes never trained on; the
policy is asked on the way and never acts. Counted per true answer of the bundle's question mode, toss-ups left out
(`inspire_policy.scoring`); of directions also per margin: by how much the largest component of the offset exceeds the
second.

Frames of an episode resemble each other, so the interval of the macro rate (the mean over true answers) comes from
drawing whole episodes again (percentile bootstrap).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from inspire_policy.action import osc_from_lead
from inspire_policy.directions import REP103
from inspire_policy.scoring import Scoring
from inspire_sim.expert import Expert
from inspire_sim.results import UNSEEN_SEEDS
from inspire_training.disturbance import Wander
from inspire_training.evaluation.in_process import loaded, manifest_of, publish, rate, rate_line, run_jobs
from inspire_training.settings import AnswersSettings

MARGINS = (0.01, 0.02, 0.05, np.inf)  # m
DRAWS = 2000
SHOWN = 20  # answers in the table, the most frequent ones


def answers(settings: AnswersSettings) -> dict[str, Any]:
    """Run all episodes, print the table, write `out` and return its content. Raises ValueError, BundleError."""
    s = settings
    manifest_of(s, asks=True)
    found = run_jobs(
        _episode,
        [(UNSEEN_SEEDS + s.seed + i, s.wander, s.every) for i in range(s.episodes)],
        lambda e: f"{e['seed']} {e['task']}: {sum(a['right'] for a in e['answers'])} of {len(e['answers'])} right",
        s,
    )
    content = summary(found, s)
    return publish(content, table(content), s.out)


def summary(episodes: Iterable[Mapping[str, Any]], settings: AnswersSettings) -> dict[str, Any]:
    """Rates over all answers, per true answer, per margin (of directions) and per object, with intervals."""
    episodes = sorted(episodes, key=lambda e: e["seed"])
    counted = [a for e in episodes for a in e["answers"]]
    true = {a["truth"] for a in counted}
    words = [word for word in REP103.words if word in true] + sorted(true - set(REP103.words))
    wrong: dict[str, int] = {}
    for a in counted:
        if not a["right"]:
            wrong[f"{a['truth']}>{a['answer']}"] = wrong.get(f"{a['truth']}>{a['answer']}", 0) + 1
    margins = {}
    for least, most in itertools.pairwise(MARGINS) if any("margin" in a for a in counted) else ():
        name = f"{100 * least:g} to {100 * most:g} cm" if np.isfinite(most) else f"{100 * least:g} cm and more"
        margins[name] = rate(a["right"] for a in counted if least <= a["margin"] < most)
    return {
        "schema_version": 1,
        "settings": {
            "bundle": settings.bundle, "world": settings.world, "split": settings.split, "first_seed": settings.seed,
            "wander": list(settings.wander), "every": settings.every,
        },
        "all": rate(a["right"] for a in counted),
        "ties": sum(e["ties"] for e in episodes),
        "directions": {word: rate(a["right"] for a in counted if a["truth"] == word) for word in words},
        "macro": macro([e["answers"] for e in episodes]),
        "margins": margins,
        "objects": {
            name: rate(a["right"] for a in counted if a["object"] == name)
            for name in sorted({a["object"] for a in counted})
        },
        "wrong": dict(sorted(wrong.items(), key=lambda item: -item[1])),
        "episodes": episodes,
    }  # fmt: skip


def macro(episodes: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The mean over true answers of the share of right ones, and its 95 % interval over episodes."""
    words = sorted({a["truth"] for answers in episodes for a in answers})
    counts = np.array(
        [[[sum(a["truth"] == w for a in answers), sum(a["truth"] == w and a["right"] for a in answers)] for w in words]
         for answers in episodes], dtype=float,
    ).reshape(len(episodes), len(words), 2)  # fmt: skip
    if not counts.size:
        return {"rate": 0.0, "interval95": [0.0, 1.0]}
    drawn = np.random.default_rng(0).integers(len(episodes), size=(DRAWS, len(episodes)))
    means = [_mean(counts[rows].sum(axis=0)) for rows in drawn]
    return {"rate": _mean(counts.sum(axis=0)), "interval95": [float(q) for q in np.quantile(means, [0.025, 0.975])]}


def _mean(counts: np.ndarray) -> float:
    """Over the answers that occur; (W, 2) asked and right."""
    asked = counts[:, 0] > 0
    return float((counts[asked, 1] / counts[asked, 0]).mean())


def table(content: Mapping[str, Any]) -> str:
    """The summary for people."""
    low, high = content["macro"]["interval95"]
    lines = [rate_line("all", content["all"])]
    rare = sorted(content["directions"].items(), key=lambda item: -item[1]["of"])[SHOWN:]
    lines += [rate_line(f"  {w}", found) for w, found in content["directions"].items() if w not in dict(rare)]
    lines += [f"  and {len(rare)} rarer answers"] if rare else []
    lines += [rate_line(f"margin {name}", found) for name, found in content["margins"].items()]
    lines += [rate_line(name, found) for name, found in content["objects"].items()]
    lines.append(
        f"macro over true answers {100 * content['macro']['rate']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]; "
        f"{content['ties']} ties left out"
    )
    wrong = list(content["wrong"].items())[:SHOWN]
    lines.append("wrong, truth>answer: " + (", ".join(f"{k} {n}" for k, n in wrong) or "none"))
    return "\n".join(lines)


def _episode(job: tuple[int, tuple[int, int], int]) -> dict[str, Any]:
    mine = loaded()
    world = mine.world
    seed, (longest, carrying), every = job
    episode = world.reset(seed, split=mine.split)
    text, asked = mine.brain.objects_of(episode.instruction)
    wander = Wander(np.random.default_rng([seed, 13]), longest=longest, carrying=carrying)
    expert = Expert(world.contract)
    manifest = mine.brain.bundle.manifest
    scoring = Scoring(manifest.question_mode, manifest.words.vocabulary)
    found: list[dict[str, Any]] = []
    steps, ties = 0, 0
    while steps < episode.max_steps and not world.success():
        looking = steps % every == 0
        truth = world.truth()
        if looking:
            tick = mine.tick(world.observe(), text, asked)
            said = {answer.object: answer for answer in tick.answers}
            for state in truth.objects:
                if state.name not in said:
                    continue
                judged = _judged(scoring, said[state.name], state.position - truth.tool_position, state.grasped)
                ties += judged is None
                found += [{"step": steps, "object": state.name, **judged}] if judged else []
        label = osc_from_lead(expert.act(truth), world.contract)
        world.step(wander.apply(label, holding=any(state.grasped for state in truth.objects)))
        steps += 1
    return {"seed": seed, "task": episode.task, "steps": steps, "ties": ties, "answers": found}


def _judged(scoring: Scoring, answer: Any, offset: np.ndarray, grasped: bool) -> dict[str, Any] | None:
    """Truth, answer, whether it is right, and of directions the margin, m (9 for what is held); None for a toss-up."""
    true = scoring.truth(offset, grasped)
    if true.tied:
        return None
    judged = {"truth": true.word, "answer": answer.word, "right": scoring.key(answer.word, answer.axis) == true.key}
    if scoring.mode != "direction":
        return judged
    largest = np.sort(np.abs(offset))
    margin = 9.0 if grasped else min(float(largest[2] - largest[1]), 9.0)
    return {**judged, "answer": REP103.word(answer.axis), "margin": margin}
