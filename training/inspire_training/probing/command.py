"""`inspire probe`: does the action follow the answer, and the name? Closed loops in one process with the answers as the
model gives them, forced to the truth, forced to a wrong direction, or dropped, and with an instruction that names
another object of the scene: which of the two is in the hand first? Of a bundle that asks nothing, only its own
episodes and those of another name are run.

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

from inspire_policy.directions import REP103
from inspire_sim.results import UNSEEN_SEEDS
from inspire_training.evaluation.in_process import manifest_of, publish, rate, rate_line, run_jobs
from inspire_training.probing.episodes import CONDITIONS, TAKEN, run_episode
from inspire_training.settings import ProbeSettings

UNASKED = ("own", "renamed")


def probe(settings: ProbeSettings) -> dict[str, Any]:
    """Run all episodes, print the table, write `out` and return its content. Raises ValueError, BundleError."""
    s = settings
    known = CONDITIONS if manifest_of(s).questions else UNASKED
    wrong = [name for name in s.conditions if name not in known]
    if wrong:
        raise ValueError(f"conditions: expected some of {', '.join(known)} for {s.bundle}, found {', '.join(wrong)}")
    conditions = s.conditions or known
    found = run_jobs(
        run_episode,
        [(condition, UNSEEN_SEEDS + s.seed + i) for i in range(s.episodes) for condition in conditions],
        lambda e: f"{e['condition']} {e['seed']}: {_came_out(e)}, {e['steps']} steps",
        s,
    )
    content = summary(found, s)
    return publish(content, table(content), s.out)


def summary(episodes: Iterable[Mapping[str, Any]], settings: ProbeSettings) -> dict[str, Any]:
    """Success per condition, how often the first lead followed a forced word, and what was in the hand first where
    another object was named; with Wilson intervals.
    """
    episodes = sorted(episodes, key=lambda e: (CONDITIONS.index(e["condition"]), e["seed"]))
    judged = [e for e in episodes if e["condition"] != "renamed"]
    run = dict.fromkeys(e["condition"] for e in judged)
    success = {c: rate([e["success"] for e in judged if e["condition"] == c]) for c in run}
    renamed = [e["taken"] for e in episodes if e["condition"] == "renamed" and e["named"]]
    taken = {what: rate([found == what for found in renamed]) for what in TAKEN} if renamed else {}
    forced = [f for e in judged for f in e["forced"]]
    follows, goes = (
        {kind: rate([f[name] for f in forced if f["kind"] == kind]) for kind in ("true", "wrong")}
        for name in ("followed", "went")
    )
    words: dict[str, Any] = {}
    for word in REP103.words:
        outcomes = [f["followed"] for f in forced if f["kind"] == "wrong" and f["word"] == word]
        if outcomes:
            words[word] = rate(outcomes)
    passes = [count for e in judged if e["condition"] == "own" for count in e["passes"]]
    decoding = {"ticks": len(passes), "passes_per_tick": sum(passes) / max(1, len(passes)),
                "drafts_held": passes.count(1) / max(1, len(passes))}  # fmt: skip
    told = {"bundle": settings.bundle, "world": settings.world, "split": settings.split, "first_seed": settings.seed}
    return {"schema_version": 1, **told, "success": success, "taken": taken, "follows": follows, "goes": goes,
            "wrong_words": words, "decoding": decoding, "episodes": episodes}  # fmt: skip


def table(content: Mapping[str, Any]) -> str:
    """The summary for people."""
    rows = [(f"success, answers {name}", found) for name, found in content["success"].items()]
    rows += [(f"other name, first held: {what}", found) for what, found in content["taken"].items()]
    rows += [(f"lead goes a {kind} word's way", found) for kind, found in content["goes"].items()]
    rows += [(f"lead follows a {kind} word", found) for kind, found in content["follows"].items()]
    rows += [(f"  wrong word {word}", found) for word, found in content["wrong_words"].items()]
    lines = [rate_line(name, found) for name, found in rows if found["of"]]
    decoding = content["decoding"]
    lines.append(
        f"decoder passes per tick, mean: {decoding['passes_per_tick']:.2f} of {decoding['ticks']} ticks; one pass, as "
        f"every draft held: {100 * decoding['drafts_held']:.1f} %"
    )
    return "\n".join(lines)


def _came_out(episode: Mapping[str, Any]) -> str:
    if episode["condition"] == "renamed":
        return f"told {episode['named']}, first held: {episode['taken']}" if episode["named"] else "no other object"
    return "success" if episode["success"] else "failed"
