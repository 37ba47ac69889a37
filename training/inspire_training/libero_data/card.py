"""The data card: what is in a regenerated folder, from the records of its shards alone; card.json and README.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inspire_policy.directions import REP103
from inspire_training.libero_data.plan import write_whole
from inspire_training.libero_data.shards import FAILED, KEPT

CARD_FILE, PAGE_FILE = "card.json", "README.md"


def make_card(plan: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts over all shards: demonstrations by outcome, frames, no-ops; answers by direction and by object."""
    outcomes: Counter[str] = Counter()
    tasks: dict[str, Counter[str]] = {}
    directions: Counter[str] = Counter()
    objects: dict[str, Counter[str]] = {}
    left_out: dict[str, str] = {}
    frames = noops = 0
    for record in records:
        task = tasks.setdefault(record["task"], Counter())
        for name, demo in record["demos"].items():
            outcomes[demo["outcome"]] += 1
            task[demo["outcome"]] += 1
            written = demo["outcome"] == KEPT or (demo["outcome"] == FAILED and plan["keep_failures"])
            if written:
                frames += demo["frames"]
                noops += demo["noops"]
                task["frames"] += demo["frames"]
            elif "reason" in demo:
                left_out[f"{record['source']} {name}"] = demo["reason"]
        for name, counts in record["directions"].items():
            directions.update(counts)
            objects.setdefault(name, Counter()).update(counts)
    return {
        "settings": dict(plan),
        "demonstrations": dict(sorted(outcomes.items())),
        "frames": frames,
        "noops_dropped": 0 if plan["keep_noops"] else noops,
        "answers": sum(directions.values()),
        "directions": {word: directions[word] for word in REP103.words},
        "objects": {
            name: {"answers": sum(counts.values()), **{word: counts[word] for word in REP103.words}}
            for name, counts in sorted(objects.items())
        },
        "tasks": {name: dict(sorted(counts.items())) for name, counts in sorted(tasks.items())},
        "left_out": dict(sorted(left_out.items())),
    }


def write_card(out: Path, card: Mapping[str, Any]) -> None:
    """Write both files."""
    write_whole(out / CARD_FILE, json.dumps(card, indent=1) + "\n")
    write_whole(out / PAGE_FILE, card_page(card))


def card_page(card: Mapping[str, Any]) -> str:
    """The card for people, in Markdown. Directions are this project's words: left and right are the robot's."""
    settings, done = card["settings"], card["demonstrations"]
    words = list(REP103.words)
    kept = done.get(KEPT, 0)
    lines = [
        "# LIBERO demonstrations, regenerated",
        "",
        f"{kept} of {sum(done.values())} demonstrations kept, {card['frames']:,} frames at {settings['image_size']} px,"
        f" {card['noops_dropped']:,} no-ops dropped. Replay by {settings['replay']}, rendering "
        f"{settings['rendering']}, labels {settings['labels']}.",
        "",
        "Directions are in the arm's base frame (REP-103: left is +y, which the viewer of the agentview camera, and so "
        "the published words, call right); offsets and poses too.",
        "",
        *_table(("demonstrations", "count"), done.items()),
        "",
        *_table(("direction", "answers", "share"), _shares(card)),
        "",
        *_table(("object", "answers", *words), ((name, *found.values()) for name, found in card["objects"].items())),
        "",
        *_table(
            ("task", "kept", "failed", "left out", "frames"),
            (
                (
                    name,
                    found.get(KEPT, 0),
                    found.get(FAILED, 0),
                    sum(n for kind, n in found.items() if kind not in (KEPT, FAILED, "frames")),
                    found.get("frames", 0),
                )
                for name, found in card["tasks"].items()
            ),
        ),
    ]
    if card["left_out"] or settings["damaged"]:
        lines += ["", "Left out:", ""]
        lines += [f"- {name}: {reason}" for name, reason in card["left_out"].items()]
        lines += [f"- {reason}" for reason in settings["damaged"].values()]
    return "\n".join(lines) + "\n"


def _shares(card: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    total = max(1, card["answers"])
    return [(word, count, f"{100 * count / total:.1f} %") for word, count in card["directions"].items()]


def _table(head: Sequence[str], rows: Any) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
