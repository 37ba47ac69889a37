"""Helpers beside the tests can be imported by name, whichever import mode pytest runs in."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stand import Stand


@pytest.fixture
def stand():
    stands: list[Stand] = []

    def start(*parameters: str) -> Stand:
        stands.append(Stand(*parameters))
        return stands[-1]

    yield start
    for each in stands:
        each.close()
