"""The episodes of `inspire probe`: own answers, forced ones, none, or the name of another object."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from inspire_policy.action import Lead, osc_from_lead
from inspire_policy.directions import GRASPED_AXIS, REP103, direction_axis
from inspire_policy.programs.base import Tick
from inspire_sim.worlds.base import Episode, ObjectState, Observation, Truth
from inspire_training.data.answers import clearly_wrong
from inspire_training.evaluation.in_process import Loaded, loaded
from inspire_training.probing.naming import first_held, picked_up, with_another_name

NOTABLE = 0.5  # within 60 degrees of the word's axis
CONDITIONS = ("own", "true", "wrong", "dropped", "renamed")
TAKEN = ("named", "scene's own", "another", "nothing")


def run_episode(job: tuple[str, int]) -> dict[str, Any]:
    """One episode of (condition, seed), in a worker process, as plain types."""
    condition, seed = job
    mine, rng = loaded(), np.random.default_rng([seed, CONDITIONS.index(condition)])
    episode = mine.world.reset(seed, split=mine.split)
    found = _renamed(mine, episode, rng) if condition == "renamed" else _answered(mine, episode, condition, rng)
    return {"condition": condition, "seed": seed, "task": episode.task, **found}


def _answered(mine: Loaded, episode: Episode, condition: str, rng: np.random.Generator) -> dict[str, Any]:
    """With own, forced or no answers, to the task's end."""
    text, asked = mine.brain.objects_of(episode.instruction, ask=condition != "dropped")
    forced: list[dict[str, Any]] = []
    passes: list[int] = []
    steps, success = 0, False
    for tick, observation, truth in _acting(
        mine, text, asked, episode.max_steps, lambda truth: _answers(condition, truth, rng)
    ):
        if tick is not None:
            passes.append(tick.decoder_passes)
            if condition == "own" and not truth.objects[0].grasped:
                forced += _follow(mine, observation, truth, text, asked, rng)
        steps += 1
        if success := mine.world.success():
            break
    return {"success": success, "steps": steps, "forced": forced, "passes": passes}


def _renamed(mine: Loaded, episode: Episode, rng: np.random.Generator) -> dict[str, Any]:
    """With another object's name, until something is in the hand; nothing is named where nothing else lies there."""
    truth = mine.world.truth()
    picked = picked_up(mine.world.tasks, mine.brain.bundle.manifest.known_objects)
    other = with_another_name(episode.instruction, truth, picked, rng)
    if other is None:
        return {"steps": 0, "named": "", "taken": ""}
    instruction, name = other
    steps, held = 0, ""
    for _ in _acting(mine, *mine.brain.objects_of(instruction), episode.max_steps):
        steps += 1
        if held := first_held(mine.world.truth()):
            break
    taken = {"": "nothing", name: "named", truth.objects[0].name: "scene's own"}.get(held, "another")
    return {"steps": steps, "named": name, "taken": taken}


def _acting(
    mine: Loaded,
    text: str,
    asked: tuple[str, ...],
    steps: int,
    force: Callable[[Truth], Mapping[str, str]] = lambda truth: {},
) -> Iterator[tuple[Tick | None, Observation, Truth]]:
    """The closed loop: after each step the tick it began with (None where a chunk went on), what was seen and true
    before it.
    """
    leads: list[Lead] = []
    draft: dict[str, str] = {}
    inferences = itertools.count()
    for _ in range(steps):
        observation, truth, tick = mine.world.observe(images=not leads), mine.world.truth(), None
        if not leads:
            tick = mine.tick(observation, text, asked, forced=force(truth), draft=draft, number=next(inferences))
            draft = {answer.object: answer.word for answer in tick.answers}
            leads = list(tick.leads[: mine.brain.bundle.manifest.horizon])
        mine.world.step(osc_from_lead(leads.pop(0), mine.world.contract))
        yield tick, observation, truth


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
