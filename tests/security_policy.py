"""The SROS2 policy as data: what each enclave allows, and whether a right is among it."""

import fnmatch
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from graph import RULES, Rights


def allowed(path: Path) -> dict[str, Rights]:
    """Rights by enclave. Names are relative to the profile's namespace; a node's own (~/) are written out."""
    found: dict[str, Rights] = {}
    for enclave in ElementTree.parse(path).getroot().iter("enclave"):
        rights = found.setdefault(enclave.attrib["path"], Rights())
        for profile in enclave.iter("profile"):
            for group in profile:
                for rule, value in group.attrib.items():
                    assert rule in RULES and value == "ALLOW", f"{enclave.attrib['path']}: {rule}={value}"
                    rights.names[rule] |= {_written_out(e.text, profile.attrib["node"]) for e in group}
    return found


def _written_out(name: str | None, node: str) -> str:
    assert name, "a name is empty"
    return f"{node}/{name[2:]}" if name.startswith("~/") else name


def refused(used: Rights, allow: Rights) -> dict[str, set[str]]:
    """What is used and no pattern allows, by rule."""
    return _without(used, lambda rule, name: any(fnmatch.fnmatchcase(name, p) for p in allow.names[rule]))


def unused(allow: Rights, used: Rights) -> dict[str, set[str]]:
    """Patterns that allow nothing that is used, by rule."""
    return _without(allow, lambda rule, p: any(fnmatch.fnmatchcase(name, p) for name in used.names[rule]))


def _without(rights: Rights, known) -> dict[str, set[str]]:
    left = {rule: {name for name in rights.names[rule] if not known(rule, name)} for rule in RULES}
    return {rule: names for rule, names in left.items() if names}
