"""`inspire probe`: does the action follow the answer? Closed loops in one process with the answers as the model gives
them, forced to the truth, forced to a wrong direction, or dropped.

Beside the success of each, every inference before the grasp of the `own` episodes is repeated with the target's answer
forced, once to the truth and once to a clearly wrong direction. Two questions about the first executed lead: does it
go that way at all (a component of at least NOTABLE of its length), and does it follow (its largest component is the
word's)? The true word names the largest component of the way to the object and the expert's lead need not, as it goes
above the object first; a wrong word has nothing else to point at.

Episodes draft each tick's answers from the one before, as the policy node does; the decoder passes that this leaves
to a tick are counted in the `own` ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from inspire_policy.action import osc_from_lead
from inspire_policy.directions import GRASPED_AXIS, REP103, direction_axis
from inspire_sim.results import UNSEEN_SEEDS
from inspire_sim.worlds.base import ObjectState, Observation, Truth
from inspire_training.data.answers import clearly_wrong
from inspire_training.evaluation.in_process import Loaded, loaded, publish, rate, rate_line, run_jobs
from inspire_training.settings import ProbeSettings

NOTABLE = 0.5  # within 60 degrees of the word's axis
CONDITIONS = ("own", "true", "wrong", "dropped")


def probe(settings: ProbeSettings) -> dict[str, Any]:
    """Run all episodes, print the table, write `out` and return its content. Raises ValueError, BundleError."""
    s = settings
    found = run_jobs(
        _episode,
        [(condition, UNSEEN_SEEDS + s.seed + i) for i in range(s.episodes) for condition in CONDITIONS],
        lambda e: f"{e['condition']} {e['seed']}: {'success' if e['success'] else 'failed'}, {e['steps']} steps",
        s,
    )
    content = summary(found, s)
    return publish(content, table(content), s.out)


def summary(episodes: Iterable[Mapping[str, Any]], settings: ProbeSettings) -> dict[str, Any]:
    """Success per condition, and how often the first lead followed a forced word; with Wilson intervals."""
    episodes = sorted(episodes, key=lambda e: (CONDITIONS.index(e["condition"]), e["seed"]))
    success = {c: rate([e["success"] for e in episodes if e["condition"] == c]) for c in CONDITIONS}
    forced = [f for e in episodes for f in e["forced"]]
    follows, goes = (
        {kind: rate([f[name] for f in forced if f["kind"] == kind]) for kind in ("true", "wrong")}
        for name in ("followed", "went")
    )
    words: dict[str, Any] = {}
    for word in REP103.words:
        outcomes = [f["followed"] for f in forced if f["kind"] == "wrong" and f["word"] == word]
        if outcomes:
            words[word] = rate(outcomes)
    passes = [count for e in episodes if e["condition"] == "own" for count in e["passes"]]
    decoding = {"ticks": len(passes), "passes_per_tick": sum(passes) / max(1, len(passes)),
                "drafts_held": passes.count(1) / max(1, len(passes))}  # fmt: skip
    told = {"bundle": settings.bundle, "world": settings.world, "split": settings.split, "first_seed": settings.seed}
    return {"schema_version": 1, **told, "success": success, "follows": follows, "goes": goes, "wrong_words": words,
            "decoding": decoding, "episodes": episodes}  # fmt: skip


def table(content: Mapping[str, Any]) -> str:
    """The summary for people."""
    rows = [(f"success, answers {name}", found) for name, found in content["success"].items()]
    rows += [(f"lead goes a {kind} word's way", found) for kind, found in content["goes"].items()]
    rows += [(f"lead follows a {kind} word", found) for kind, found in content["follows"].items()]
    rows += [(f"  wrong word {word}", found) for word, found in content["wrong_words"].items()]
    lines = [rate_line(name, found) for name, found in rows]
    decoding = content["decoding"]
    lines.append(
        f"decoder passes per tick, mean: {decoding['passes_per_tick']:.2f} of {decoding['ticks']} ticks; one pass, as "
        f"every draft held: {100 * decoding['drafts_held']:.1f} %"
    )
    return "\n".join(lines)


def _episode(job: tuple[str, int]) -> dict[str, Any]:
    mine = loaded()
    brain, world, split = mine.brain, mine.world, mine.split
    condition, seed = job
    rng = np.random.default_rng([seed, CONDITIONS.index(condition)])
    episode = world.reset(seed, split=split)
    text, asked = brain.objects_of(episode.instruction, ask=condition != "dropped")
    leads: list = []
    forced: list[dict[str, Any]] = []
    draft: dict[str, str] = {}
    passes: list[int] = []
    steps, success = 0, False
    while steps < episode.max_steps and not success:
        observation, truth = world.observe(images=not leads), world.truth()
        if not leads:
            tick = mine.tick(observation, text, asked, forced=_answers(condition, truth, rng), draft=draft)
            draft = {answer.object: answer.word for answer in tick.answers}
            passes.append(tick.decoder_passes)
            leads = list(tick.leads[: brain.bundle.manifest.horizon])
            if condition == "own" and not truth.objects[0].grasped:
                forced += _follow(mine, observation, truth, text, asked, rng)
        world.step(osc_from_lead(leads.pop(0), world.contract))
        success, steps = world.success(), steps + 1
    return {"condition": condition, "seed": seed, "task": episode.task, "success": success, "steps": steps,
            "forced": forced, "passes": passes}  # fmt: skip


def _answers(condition: str, truth: Truth, rng: np.random.Generator) -> dict[str, str]:
    """Object -> word to force."""
    if condition == "true":
        return {state.name: state.direction for state in truth.objects}
    if condition == "wrong":
        acted = next((state for state in truth.objects if not state.grasped), None)
        word = wrong_word(acted, truth.tool_position, rng) if acted is not None else None
        return {acted.name: word} if acted is not None and word else {}
    return {}


def wrong_word(state: ObjectState, tool: np.ndarray, rng: np.random.Generator) -> str | None:
    """A direction that the object clearly does not lie in, drawn at random; None where every one is a toss-up."""
    axes = np.array([axis for axis in REP103.axis_of.values() if axis != GRASPED_AXIS])
    wrong = axes[clearly_wrong(axes, np.broadcast_to(state.position - tool, (len(axes), 3)))]
    return REP103.word(int(rng.choice(wrong))) if len(wrong) else None


def _follow(
    mine: Loaded, observation: Observation, truth: Truth, text: str, asked: tuple[str, ...], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """The first lead with the target's answer forced, to the truth and to a wrong word."""
    target = truth.objects[0]
    words = {"true": target.direction, "wrong": wrong_word(target, truth.tool_position, rng)}
    results = []
    for kind, word in words.items():
        if word and target.name in asked:
            lead = mine.tick(observation, text, asked, forced={target.name: word}).leads[0]
            followed = direction_axis(lead.translation, False) == REP103.axis_of[word]
            along = REP103.unit(word) @ lead.translation / max(1e-9, float(np.linalg.norm(lead.translation)))
            results.append({"kind": kind, "word": word, "followed": bool(followed), "went": bool(along >= NOTABLE)})
    return results
