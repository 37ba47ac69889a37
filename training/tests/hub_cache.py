"""A hub's cache on this disk, as a machine without a network has it: run, tokenizer and VQ folders, tiny and random."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inspire_training.published.hub import VQ
from inspire_training.published.random_weights import write_random_run
from inspire_training.published.settings import RandomRunSettings
from inspire_training.published.tokenizer import BASE

NAME = "InspireVLA/minivla-inspire-libero-90"
LIBERO_VQ, OTHER_VQ = "pretrain_vq+mx-libero_90+fach-7+ng-7+nemb-128+nlatent-512", "pretrain_vq+mx-bridge+fach-7"


def snapshot(cache: Path, name: str) -> Path:
    """The folder of a repository's newest revision; made where there is none."""
    place = cache / f"models--{name.replace('/', '--')}"
    folder = place / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True, exist_ok=True)
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs/main").write_text(folder.name)
    return folder


def make_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache, which the hub's client uses from now on, without a network."""
    from huggingface_hub import constants

    cache = folder / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    run = write_random_run(RandomRunSettings(out=folder / "published"))
    for name in (LIBERO_VQ, OTHER_VQ):
        shutil.copytree(run / "vq", snapshot(cache, VQ) / name)
    shutil.rmtree(run / "vq")
    shutil.move(run / "tokenizer.json", snapshot(cache, BASE) / "tokenizer.json")
    shutil.copytree(run, snapshot(cache, NAME), dirs_exist_ok=True)
    shutil.rmtree(run)
    return cache
