"""What tests of the worlds share."""

import importlib.util

import pytest

from inspire_sim.worlds.base import WorldError
from inspire_sim.worlds.libero_assets import find_assets


@pytest.fixture(scope="session")
def libero_assets():
    """LIBERO can be simulated here; skips what asks for it otherwise."""
    if importlib.util.find_spec("libero") is None:
        pytest.skip("hf-libero is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        try:
            find_assets()
        except WorldError as error:
            pytest.skip(str(error))
