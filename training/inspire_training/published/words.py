"""Answer words of the published checkpoints. They say "catch" where the paper says "grasped", and their axes depend on
what they were trained on.

In LIBERO left and right are the viewer's, the agentview camera's, whose right is +y of the world; front is +x, away
from the robot. The world's axes are parallel to those of the arm's base. The labels of the real robot are other ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inspire_policy.action import ActionContract
from inspire_policy.directions import DirectionWords

_FRAME = ActionContract().frame
LIBERO = DirectionWords({"right": 2, "left": -2, "up": 3, "down": -3, "front": 1, "back": -1, "catch": 0}, _FRAME)
REAL = DirectionWords({"right": 1, "left": -1, "up": 3, "down": -3, "front": -2, "back": 2, "catch": 0}, _FRAME)
KNOWN = {"libero": LIBERO, "real": REAL}


def words_of(choice: str, config: Mapping[str, Any]) -> DirectionWords:
    """The words to import a checkpoint with.

    Args:
        choice: "checkpoint": what its own config.json says under "inspire", the LIBERO words where it says nothing;
            "libero", "real", or a JSON file {"axis_of": {word: axis}, "frame": name}.
        config: its config.json.

    Raises:
        ValueError: an unknown choice, or words that do not cover the seven axes.
    """
    if choice == "checkpoint":
        said = config.get("inspire", {}).get("words")
        return _read(said, "config.json") if said else LIBERO
    if choice in KNOWN:
        return KNOWN[choice]
    path = Path(choice)
    if not path.is_file():
        raise ValueError(f"words: expected checkpoint, {', '.join(KNOWN)} or a JSON file, found {choice!r}")
    return _read(json.loads(path.read_text()), str(path))


def words_json(words: DirectionWords) -> dict[str, Any]:
    """The inverse of the reading."""
    return {"axis_of": dict(words.axis_of), "frame": words.frame}


def _read(data: Any, where: str) -> DirectionWords:
    try:
        return DirectionWords({str(word): int(axis) for word, axis in data["axis_of"].items()}, str(data["frame"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'words: expected {{"axis_of": {{word: axis, ...}}, "frame": name}} in {where}, found {data!r}'
        ) from error
