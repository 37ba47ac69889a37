"""`docs/gate.md` shows the reasons and limits as the code has them, and the code uses no reason that is not there."""

import re
from pathlib import Path

import pytest

from inspire_arm import reasons
from inspire_arm.document import filled
from inspire_arm.reasons import REGISTRY, Effect, Ledger

DOCUMENT = Path(__file__).parents[4] / "docs/gate.md"
SOURCES = Path(reasons.__file__).parent


def test_the_document_has_the_tables_of_the_code():
    if not DOCUMENT.is_file():
        pytest.skip("this package stands alone, without the documents")
    text = DOCUMENT.read_text()
    assert filled(text) == text, "expected the tables of the code: run python -m inspire_arm.document docs/gate.md"


def test_a_document_without_a_place_for_the_tables_is_refused():
    with pytest.raises(ValueError, match="expected a table that begins with .* parameter .* found none"):
        filled("# The arm gate")


def test_every_reason_is_used_and_tells_what_and_how():
    used = set(
        re.findall(r"\b[A-Z][A-Z_]+\b", "".join(p.read_text() for p in SOURCES.rglob("*.py") if p.name != "reasons.py"))
    )
    constants = {value: name for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    assert set(constants) == set(REGISTRY)
    for name, entry in REGISTRY.items():
        assert constants[name] in used, f"{name} is never counted"
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name) and entry.effects and entry.meaning and entry.mend
        assert (Effect.CLAMP not in entry.effects) or (Effect.FAULT in entry.effects)


def test_a_ledger_takes_only_registered_names():
    with pytest.raises(KeyError):
        Ledger().count("bad_luck", "", 0)
