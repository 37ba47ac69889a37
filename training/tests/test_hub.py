"""`inspire import --from-hub` out of a hub's cache on this disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hub_cache import LIBERO_VQ, NAME, make_cache, snapshot

from inspire_training.checkpoint import load_checkpoint
from inspire_training.published.command import main_import
from inspire_training.published.hub import VQ
from inspire_training.published.importing import import_checkpoint
from inspire_training.published.settings import ImportSettings


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_cache(tmp_path, monkeypatch)


def test_a_checkpoint_comes_from_the_cache_with_its_tokenizer_and_vq(cache: Path, tmp_path: Path) -> None:
    main_import(["--from-hub", NAME, "--out", str(tmp_path / "out")])
    found = load_checkpoint(tmp_path / "out")
    assert (found.config.codec, found.step) == ("residual_vq", 50000)
    assert found.training["published"]["dataset"] == "libero_90"


def test_what_the_hub_has_not_is_named(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="expected InspireVLA/none on the hub or in its cache"):
        import_checkpoint(ImportSettings(from_hub="InspireVLA/none", out=tmp_path / "out"))
    shutil.move(snapshot(cache, VQ) / LIBERO_VQ, snapshot(cache, VQ) / "pretrain_vq+mx-fractal")
    with pytest.raises(ValueError, match="expected one folder for libero_vq_extra_action_tokenizer in .*--vq"):
        import_checkpoint(ImportSettings(from_hub=NAME, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
