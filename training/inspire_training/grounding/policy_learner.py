"""Stage 1 of a small policy: what is trained, averaged, asked and saved."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inspire_policy.directions import REP103
from inspire_training.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, save_checkpoint
from inspire_training.grounding.answering import PolicyResponder
from inspire_training.grounding.batch import grounding_loss
from inspire_training.grounding.examples import Mixture, RecordSource, Source
from inspire_training.grounding.llava import LlavaSource
from inspire_training.grounding.sampler import Framing, GroundingSampler
from inspire_training.grounding.settings import GroundingTrainSettings
from inspire_training.grounding.vocabulary import grounding_tokenizer, location_ids, location_steps, order_locations
from inspire_training.model.policy import InspirePolicy
from inspire_training.model.presets import PRESETS, PolicyConfig


class PolicyLearner:
    """See `training.Learner`. The wrist camera sees nothing here: what is asked is in the first camera's image."""

    def __init__(self, settings: GroundingTrainSettings, sources: Sequence[Source], mixture: Mixture) -> None:
        self._settings = settings
        self._start = self._starting_point(settings, sources)
        self._average = self._start.model.eval()
        self.network: nn.Module = copy.deepcopy(self._average).to(memory_format=torch.channels_last)
        self.sampler = GroundingSampler(mixture, self._start.config, self._start.style(), self._start.tokenizer)
        self._framing = Framing(window=settings.window, colour=settings.colour)

    @staticmethod
    def _starting_point(settings: GroundingTrainSettings, sources: Sequence[Source]) -> Checkpoint:
        if settings.resume or settings.init is not None:
            start = load_checkpoint(settings.out if settings.resume else settings.init)  # type: ignore[arg-type]
            if start.config.preset != settings.preset:
                raise ValueError(f"init: expected the preset {settings.preset}, found {start.config.preset}")
            location_steps(start.tokenizer)
            return start
        return fresh_start(PRESETS[settings.preset], sources)

    @property
    def progress(self) -> tuple[int, float]:
        """Steps and seconds behind the starting point, when resumed."""
        return (self._start.step, self._start.seconds) if self._settings.resume else (0, 0.0)

    def loss(self, *seed: int) -> Tensor:
        """Of a random batch."""
        batch = self.sampler.batch(self._settings.batch, self._framing, *seed)
        return grounding_loss(self.network, batch, spread=self._settings.spread)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Move the average."""
        share = 1.0 - min(self._settings.average, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self._average.parameters()), list(self.network.parameters()), share)
        for mean, now in zip(self._average.buffers(), self.network.buffers()):
            mean.copy_(now)

    def responder(self) -> PolicyResponder:
        """Asks the averaged weights."""
        return PolicyResponder(self._average, self.sampler, self._start.tokenizer)

    def save(self, step: int, seconds: float, facts: dict[str, Any], optimizer: torch.optim.Optimizer) -> Path:
        """A checkpoint of the averaged weights, and what a continuation needs."""
        state = dataclasses.replace(self._start, step=step, seconds=seconds, training=facts, model=self._average)
        resume = {"network": self.network.state_dict(), "optimizer": optimizer.state_dict()}
        return save_checkpoint(self._settings.out, state, resume)

    def load(self, optimizer: torch.optim.Optimizer) -> None:
        """Weights and optimiser of the run in `out`."""
        resumed = torch.load(find_checkpoint(self._settings.out) / "resume.pt", weights_only=True)
        self.network.load_state_dict(resumed["network"])
        optimizer.load_state_dict(resumed["optimizer"])


def fresh_start(config: PolicyConfig, sources: Sequence[Source]) -> Checkpoint:
    """Fresh weights and a tokenizer for all that the sources name and ask. Raises ValueError without records."""
    records = [record for s in sources if isinstance(s, RecordSource) for record in s.store.records]
    texts = [text for s in sources if isinstance(s, LlavaSource) for text in s.questions()]
    if not records and not texts:
        raise ValueError("data: expected grounding records, found none")
    names = sorted({item.name for record in records for item in record.objects})
    instructions = sorted({record.instruction for record in records})
    tokenizer = grounding_tokenizer(instructions, names, texts, queries=config.chunk_length)
    model = InspirePolicy(config, tokenizer.get_vocab_size())
    felt = [s.store.proprioception for s in sources if isinstance(s, RecordSource)]
    if felt:
        rows = np.concatenate(felt)
        model.set_proprioception_statistics(rows.mean(0).tolist(), rows.std(0).tolist())
    order_locations(model.backbone.model.embed_tokens.weight, location_ids(tokenizer))
    return Checkpoint(
        model=model,
        config=config,
        tokenizer=tokenizer,
        words=REP103,
        codec_arrays={},
        known_objects=tuple(names),
        training={},
    )
