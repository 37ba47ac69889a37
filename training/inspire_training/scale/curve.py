"""`curve.jsonl`: a line of numbers now and then; what a resumed run does again is written once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

NAME = "curve.jsonl"


class Curve:
    """The curve of a run, from `step` on."""

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / NAME
        lines = [line for line in read_curve(folder) if line["step"] <= step]
        partial = self._path.with_name(f".{NAME}.partial")
        partial.write_text("".join(json.dumps(line) + "\n" for line in lines))
        os.replace(partial, self._path)

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """One line, on the disk when this returns."""
        with open(self._path, "a") as file:
            file.write(json.dumps({"step": step, **numbers}) + "\n")


def read_curve(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's curve; one that was cut off is left out."""
    path, lines = folder / NAME, []
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines
