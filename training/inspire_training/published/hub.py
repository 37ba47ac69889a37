"""Downloads for `inspire import --from-hub`, and only for it; everything else here reads folders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from inspire_training.published.architectures import is_vq
from inspire_training.published.run_folder import read_run
from inspire_training.published.settings import ImportSettings
from inspire_training.published.tokenizer import BASE

VQ = "Stanford-ILIAD/pretrain_vq"


def downloaded(settings: ImportSettings) -> ImportSettings:
    """The same settings with folders on this disk: run, tokenizer and VQ, unless they were given.

    Raises ValueError when there are several VQs to choose from, OSError when the hub cannot be reached.
    """
    folder = _snapshot(settings.from_hub, ["*.json", "checkpoints/*.pt"])
    tokenizer = settings.tokenizer
    if tokenizer is None and not (folder / "tokenizer.json").is_file():
        tokenizer = _snapshot(BASE, ["tokenizer.json"]) / "tokenizer.json"
    vq = settings.vq
    name = str(read_run(folder).vla.get("action_tokenizer", ""))
    if vq is None and is_vq(name):
        vq = _the_only_vq(_snapshot(VQ, ["*/config.json", "*/checkpoints/model.pt"]), name)
    return dataclasses.replace(settings, checkpoint_dir=folder, tokenizer=tokenizer, vq=vq, from_hub="")


def _the_only_vq(folder: Path, action_tokenizer: str) -> Path:
    """The VQ folder of an action tokenizer, by the data that both are named after."""
    found = sorted(place.parent.parent for place in folder.rglob("checkpoints/model.pt"))
    data = action_tokenizer.partition("_vq")[0]
    fitting = [place for place in found if data in place.name.lower()]
    if len(fitting) != 1:
        names = ", ".join(place.name for place in fitting or found) or "none"
        raise ValueError(f"VQ: expected one folder for {action_tokenizer} in {VQ}, found {names}; choose one with --vq")
    return fitting[0]


def _snapshot(name: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except OSError as error:
        raise OSError(
            f"hub: expected {name} on the hub or in its cache on this disk, found: {error}; download it where there is "
            "a network and name its folder instead"
        ) from error
