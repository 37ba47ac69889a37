"""The tables of `docs/gate.md`, from the code's own registries. `python -m inspire_arm.document FILE` writes them.

A test compares, so that the document cannot fall behind.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from inspire_arm.envelope import ROBOT, SIM
from inspire_arm.reasons import REGISTRY

UNITS = {
    "workspace_low": "m",
    "workspace_high": "m",
    "max_linear_speed": "m/s",
    "max_angular_speed": "rad/s",
    "max_linear_change": "m/s^2",
    "max_angular_change": "rad/s^2",
    "max_hold_distance": "m",
    "max_measured_speed": "m/s",
    "max_measured_turn": "rad/s",
}


def limits() -> str:
    """A row for each limit: its default on a robot and in simulation, its unit (seconds where none is named)."""
    rows = ["| parameter | robot | sim | unit |", "|---|---|---|---|"]
    for name in ROBOT.__dataclass_fields__:
        if name != "keep_out":
            robot, sim = (_text(getattr(envelope, name)) for envelope in (ROBOT, SIM))
            rows.append(f"| `{name}` | {robot} | {sim} | {UNITS.get(name, 's')} |")
    return "\n".join(rows) + "\n"


def reasons() -> str:
    """A row for each named reason."""
    rows = ["| reason | effect | what has happened | how to mend it |", "|---|---|---|---|"]
    for entry in REGISTRY.values():
        effects = ", ".join(effect.value for effect in entry.effects)
        rows.append(f"| `{entry.name}` | {effects} | {entry.meaning} | {entry.mend} |")
    return "\n".join(rows) + "\n"


def filled(document: str) -> str:
    """The document with both tables as they are now. Raises ValueError where it has no place for them."""
    for head, table in (("| parameter | robot |", limits()), ("| reason | effect |", reasons())):
        pattern = re.compile(rf"^{re.escape(head)}.*\n(?:\|.*\n)*", re.MULTILINE)
        if not pattern.search(document):
            raise ValueError(f"document: expected a table that begins with {head!r}, found none")
        document = pattern.sub(lambda _, text=table: text, document)  # type: ignore[misc]
    return document


def _text(value: float | tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in value) if isinstance(value, tuple) else f"{value:g}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(filled(Path(name).read_text()))
