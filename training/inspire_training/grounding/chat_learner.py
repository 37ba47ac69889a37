"""Stage 1 of a vision-language model of transformers: plain next-token loss on the answers, as it was pretrained."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inspire_training.checkpoint import find_checkpoint
from inspire_training.grounding.chat import ChatCollator, ChatParts, ChatResponder
from inspire_training.grounding.examples import Mixture
from inspire_training.grounding.sampler import Framing
from inspire_training.grounding.settings import GroundingTrainSettings

KEPT = 2  # checkpoints


class ChatLearner:
    """See `training.Learner`. Weights are not averaged: a second copy of a large model is not kept."""

    def __init__(self, settings: GroundingTrainSettings, mixture: Mixture) -> None:
        if settings.backbone is None:
            raise ValueError("backbone: expected the folder of a vision-language model, found none; give --backbone")
        self._settings, self._mixture = settings, mixture
        self._folder = find_checkpoint(settings.out) if settings.resume else None
        self._parts = ChatParts.load(self._folder or settings.backbone)
        self._collator = ChatCollator(self._parts)
        self._framing = Framing(window=settings.window, colour=settings.colour)
        self.network: nn.Module = self._parts.model

    @property
    def progress(self) -> tuple[int, float]:
        """See Learner."""
        if self._folder is None:
            return 0, 0.0
        facts = json.loads((self._folder / "checkpoint.json").read_text())
        return facts["step"], facts["seconds"]

    def loss(self, *seed: int) -> Tensor:
        """Of a random batch."""
        rng = np.random.default_rng(seed)
        examples = [self._mixture.draw(rng) for _ in range(self._settings.batch)]
        batch = self._collator.batch(examples, self._framing, rng)
        device = self._parts.model.device
        inputs = {name: value.to(device) for name, value in batch.inputs.items()}
        return self._parts.model(**inputs, labels=batch.labels.to(device)).loss

    def after_step(self, step: int) -> None:
        """Nothing is averaged."""

    def responder(self) -> ChatResponder:
        """See Learner."""
        return ChatResponder(self._parts)

    def save(self, step: int, seconds: float, facts: dict[str, Any], optimizer: torch.optim.Optimizer) -> Path:
        """A folder of transformers' own layout, with ours beside it; complete or absent."""
        folder = self._settings.out / "checkpoints" / f"step-{step:07d}"
        partial = folder.with_name(f".{folder.name}.partial.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self._parts.save(partial)
        torch.save({"optimizer": optimizer.state_dict()}, partial / "resume.pt")
        (partial / "checkpoint.json").write_text(json.dumps({"step": step, "seconds": seconds, "training": facts}))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
        for old in sorted(folder.parent.glob("step-*"))[:-KEPT]:
            shutil.rmtree(old)
        return folder

    def load(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimiser of the run in `out`; its weights are loaded already."""
        assert self._folder is not None
        optimizer.load_state_dict(torch.load(self._folder / "resume.pt", weights_only=True)["optimizer"])


def load_chat(folder: Path) -> ChatResponder:
    """Who answers, from a checkpoint's folder."""
    return ChatResponder(ChatParts.load(folder))
