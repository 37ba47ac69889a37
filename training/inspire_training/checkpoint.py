"""Checkpoints: a folder that is complete or absent. `model.safetensors` holds the averaged weights, what is used and
exported.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import init_empty_weights
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from inspire_policy.codecs.base import ActionCodec
from inspire_policy.codecs.registry import make_codec
from inspire_policy.directions import DirectionWords
from inspire_policy.sequences.base import SequenceStyle
from inspire_policy.sequences.registry import make_style
from inspire_training.model.policy import InspirePolicy
from inspire_training.model.presets import PolicyConfig

FORMAT = 1
KEPT = "kept."  # codec arrays that no codec reads, kept to write a checkpoint back as it was


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A policy and all it needs.

    Attributes:
        step, seconds: of training so far. codec_arrays: of codec.npz, empty for codecs that need none.
        known_objects: named in the training instructions. training: facts for the manifest.
    """

    model: InspirePolicy
    config: PolicyConfig
    tokenizer: Tokenizer
    words: DirectionWords
    codec_arrays: Mapping[str, np.ndarray]
    known_objects: tuple[str, ...]
    step: int = 0
    seconds: float = 0.0
    training: Mapping[str, Any]

    def style(self) -> SequenceStyle:
        """The sequence style that it was trained with."""
        return make_style(
            self.config.style,
            self.tokenizer,
            perception_tokens=self.config.perception_tokens,
            prefix_attention=self.config.prefix_attention,
            question_mode=self.config.question_mode,
            settings=self.config.style_settings,
        )

    def codec(self) -> ActionCodec:
        """Its action codec."""
        return make_codec(self.config.codec, self.config.chunk_length, {"bins": self.config.bins}, self.codec_arrays)


def runtime_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The codec arrays that the runtime reads."""
    return {name: array for name, array in arrays.items() if not name.startswith(KEPT)}


def save_checkpoint(
    run: Path,
    checkpoint: Checkpoint,
    resume: Mapping[str, Any] | None = None,
    *,
    state: Mapping[str, Tensor] | None = None,
    keep: int = 2,
) -> Path:
    """Write run/checkpoints/step-N and remove all but the newest `keep`.

    Args:
        resume: what an exact continuation needs besides. state: weights in the place of the checkpoint's own.

    Raises:
        OSError: no room; the earlier checkpoints stay.
    """
    folder = run / "checkpoints" / f"step-{checkpoint.step:07d}"
    try:
        write_checkpoint(folder, checkpoint, resume, state=state)
    except OSError as error:
        raise OSError(f"{error}; the run goes on from its last checkpoint with --resume") from error
    for old in sorted(folder.parent.glob("step-*"))[:-keep]:
        shutil.rmtree(old)
    return folder


def save_weights(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint in half precision, half the size, to train on from (`--init`); not for export."""
    write_checkpoint(folder, checkpoint, precision=torch.float16)
    return folder


def write_checkpoint(
    folder: Path,
    checkpoint: Checkpoint,
    resume: Mapping[str, Any] | None = None,
    *,
    state: Mapping[str, Tensor] | None = None,
    precision: torch.dtype | None = None,
) -> None:
    """Write the folder beside its place and exchange it as a whole.

    Raises OSError, with nothing left behind, when the disk has no room for it.
    """
    weights = checkpoint.model.state_dict() if state is None else state
    partial = folder.with_name(f".{folder.name}.partial.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(partial, checkpoint, weights, resume, precision)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    except (OSError, RuntimeError, SafetensorError) as error:  # each library has its own for a full disk
        needed = sum(value.numel() * value.element_size() for value in weights.values())
        free = shutil.disk_usage(folder.parent).free
        raise OSError(
            f"checkpoint: expected room for {folder.name} ({needed / 1e6:.0f} MB of weights, with the state of "
            f"the optimiser three times more) in {folder.parent}, found {free / 1e6:.0f} MB free: {error}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(
    partial: Path,
    checkpoint: Checkpoint,
    weights: Mapping[str, Tensor],
    resume: Mapping[str, Any] | None,
    precision: torch.dtype | None,
) -> None:
    """Write the files of a checkpoint into a folder."""
    state = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    if precision is not None:
        state = {name: value.to(precision) if value.is_floating_point() else value for name, value in state.items()}
    save_file(state, partial / "model.safetensors")
    checkpoint.tokenizer.save(str(partial / "tokenizer.json"))
    if checkpoint.codec_arrays:
        np.savez(partial / "codec.npz", **dict[str, Any](checkpoint.codec_arrays))
    if resume is not None:
        torch.save(dict(resume), partial / "resume.pt")
    description = {
        "format": FORMAT,
        "config": checkpoint.config.to_json(),
        "words": {"axis_of": dict(checkpoint.words.axis_of), "frame": checkpoint.words.frame},
        "known_objects": list(checkpoint.known_objects),
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "training": dict(checkpoint.training),
    }
    (partial / "checkpoint.json").write_text(json.dumps(description, indent=1))


def find_checkpoint(path: Path | str) -> Path:
    """The checkpoint folder meant by a path: itself, or the newest one of a run. Raises FileNotFoundError."""
    path = Path(path)
    if (path / "checkpoint.json").is_file():
        return path
    complete = sorted(p.parent for p in (path / "checkpoints").glob("step-*/checkpoint.json"))
    if not complete:
        raise FileNotFoundError(
            f"checkpoint: expected checkpoint.json in {path} or a checkpoint in {path / 'checkpoints'}, found "
            f"none; run `inspire train`"
        )
    return complete[-1]


def load_checkpoint(path: Path | str) -> Checkpoint:
    """The checkpoint at a path (see `find_checkpoint`), its model in evaluation mode. Raises FileNotFoundError or
    ValueError.
    """
    folder = find_checkpoint(path)
    description = json.loads((folder / "checkpoint.json").read_text())
    if description.get("format") != FORMAT:
        raise ValueError(
            f"checkpoint: expected format {FORMAT} in {folder}, found {description.get('format')}; train again"
        )
    config = PolicyConfig.from_json(description["config"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = policy_of(config, tokenizer.get_vocab_size(), load_file(folder / "model.safetensors"))
    arrays = {}
    if (folder / "codec.npz").is_file():
        with np.load(folder / "codec.npz") as file:
            arrays = {name: file[name] for name in file.files}
    return Checkpoint(
        model=model.eval(),
        config=config,
        tokenizer=tokenizer,
        words=DirectionWords(description["words"]["axis_of"], description["words"]["frame"]),
        codec_arrays=arrays,
        known_objects=tuple(description["known_objects"]),
        step=description["step"],
        seconds=description["seconds"],
        training=description["training"],
    )


def policy_of(config: PolicyConfig, vocabulary: int, state: Mapping[str, Tensor]) -> InspirePolicy:
    """A policy made of weights, in single precision; they are taken over, so that memory holds them once.

    Raises RuntimeError when they are not this configuration's.
    """
    with init_empty_weights():
        model = InspirePolicy(config, vocabulary)
    single = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    model.load_state_dict(single, assign=True)
    return model
