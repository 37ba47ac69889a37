"""`inspire write-published`: a checkpoint of a minivla preset in the published layout, complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.published.architectures import BASE_OF
from inspire_training.published.importing import PUBLISHED
from inspire_training.published.layout import published_groups
from inspire_training.published.settings import WriteSettings
from inspire_training.published.vq import write_vq
from inspire_training.published.words import words_json

PUBLISHED_CODECS = ("residual_vq", "edge_bins")
BINS_CODEC, VQ_CODEC = "extra_action_tokenizer", "libero_vq_extra_action_tokenizer"


def write_published(settings: WriteSettings) -> Path:
    """Write the run folder. Raises ValueError or FileNotFoundError with nothing written."""
    if settings.out.exists():
        raise ValueError(f"out: expected a folder that does not exist yet, found {settings.out}; choose another one")
    checkpoint = load_checkpoint(settings.checkpoint)
    if checkpoint.config.preset not in BASE_OF:
        raise ValueError(
            f"checkpoint: expected a preset among {', '.join(BASE_OF)}, found {checkpoint.config.preset!r}, which has "
            "no published layout"
        )
    if checkpoint.config.codec not in PUBLISHED_CODECS:
        raise ValueError(
            f"checkpoint: expected an action codec among {', '.join(PUBLISHED_CODECS)}, found "
            f"{checkpoint.config.codec}, which has no published layout"
        )
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{settings.out.name}.", dir=settings.out.parent))
    try:
        _write(partial, checkpoint)
        partial.chmod(0o755)
        os.replace(partial, settings.out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    print(f"{settings.out}: the run folder of {checkpoint.config.preset}, step {checkpoint.step}")
    return settings.out


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    origin = checkpoint.training.get(PUBLISHED, {})
    groups = published_groups(checkpoint.model.state_dict())
    (folder / "checkpoints").mkdir()
    name = origin.get("weights") or f"step-{checkpoint.step:06d}-epoch-00-loss=0.0000.pt"
    torch.save({"model": groups}, folder / "checkpoints" / name)
    _dump(folder / "config.json", _config(checkpoint, origin))
    _dump(folder / "dataset_statistics.json", origin.get("statistics") or _statistics(checkpoint))
    checkpoint.tokenizer.save(str(folder / "tokenizer.json"))
    if checkpoint.config.codec == "residual_vq":
        write_vq(folder / "vq", checkpoint.codec_arrays, origin.get("vq_config", {}), checkpoint.config.chunk_length)


def _config(checkpoint: Checkpoint, origin: dict[str, Any]) -> dict[str, Any]:
    """config.json: the one it came with, or a new one; either names the answer words, which theirs do not."""
    config = checkpoint.config
    new = {
        "vla": {
            "base_vlm": BASE_OF[config.preset],
            "action_tokenizer": VQ_CODEC if config.codec == "residual_vq" else BINS_CODEC,
            "image_sequence_len": len(config.cameras),
            "use_wrist_image": any(camera.name == "wrist" for camera in config.cameras),
            "data_mix": _data_set(checkpoint),
        }
    }
    told = {"words": words_json(checkpoint.words), "known_objects": list(checkpoint.known_objects)}
    told["question_mode"] = config.question_mode
    return {**(origin.get("config") or new), "inspire": told}


def _data_set(checkpoint: Checkpoint) -> str:
    return str(checkpoint.training.get(PUBLISHED, {}).get("dataset", "inspire"))


def _statistics(checkpoint: Checkpoint) -> dict[str, Any]:
    arrays = checkpoint.codec_arrays
    action = {name: np.asarray(arrays[name]).tolist() for name in ("q01", "q99", "mask") if name in arrays}
    if len(action) < 3:
        raise ValueError("checkpoint: expected statistics q01, q99 and mask beside its action codec, found none")
    return {_data_set(checkpoint): {"action": action}}


def _dump(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
