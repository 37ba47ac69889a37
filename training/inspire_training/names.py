"""Folders and files named on a command line, as PATH or NAME=PATH."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def named_paths(given: Sequence[str], what: str, error: type[ValueError] = ValueError) -> dict[str, Path]:
    """Name -> path of texts PATH (named after itself) or NAME=PATH.

    Raises `error`, which says `what` they are for, where two have one name, or names that differ in no letter or digit.
    """
    named: dict[str, Path] = {}
    for text in given:
        name, separator, path = text.partition("=")
        place = Path(path if separator else text)
        name = name if separator else place.resolve().name
        if name in named or not name or not str(place):
            raise error(
                f"{what}: expected each folder under a name of its own, found {text!r}; say for example NAME={place}"
            )
        named[name] = place
    if len({slug(name) for name in named}) < len(named):
        raise error(f"{what}: expected names that differ in letters or digits, found {', '.join(named)}")
    return named


def slug(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "evaluation"
