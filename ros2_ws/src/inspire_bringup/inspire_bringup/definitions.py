"""Message definitions as MCAP stores them.

The installed .msg text of a type, followed by those of every type inside it.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from inspire_bringup.errors import StackFailure

_SEPARATOR = "=" * 80
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*")
_BUILTIN = frozenset(
    [
        "bool",
        "byte",
        "char",
        "float32",
        "float64",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "string",
        "wstring",
    ]
)


def definition(datatype: str) -> str:
    """The complete definition of a message type such as "std_msgs/msg/String".

    Raises StackFailure when it is not installed.
    """
    texts: dict[str, str] = {}
    _collect(datatype.replace("/msg/", "/"), texts)
    (_, root), *nested = texts.items()
    return root + "".join(f"\n{_SEPARATOR}\nMSG: {name}\n{text}" for name, text in nested)


def _collect(name: str, texts: dict[str, str]) -> None:
    if name in texts:
        return
    package, _, message = name.partition("/")
    texts[name] = text = _source(package, message)
    for line in text.splitlines():
        field = _FIELD.match(line)
        if field and field[1] not in _BUILTIN:
            _collect(field[1] if "/" in field[1] else f"{package}/{field[1]}", texts)


def _source(package: str, message: str) -> str:
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    for prefix in filter(None, prefixes):
        path = Path(prefix) / "share" / package / "msg" / f"{message}.msg"
        if path.is_file():
            return path.read_text()
    raise StackFailure(
        f"recorder: expected {package}/msg/{message}.msg in share of one of "
        f"{', '.join(filter(None, prefixes))}, found none"
    )
