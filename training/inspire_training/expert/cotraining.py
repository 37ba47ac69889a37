"""Grounding questions beside the actions of a training run.

The images of all cameras are given, since a running policy sees through all of them; stage 1 uses the first alone.
How well it grounds afterwards is for `inspire grounding-eval` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor

from inspire_training.checkpoint import Checkpoint
from inspire_training.grounding.batch import grounding_loss
from inspire_training.grounding.examples import MIXTURE, Mixture, RecordSource, parse_mixture
from inspire_training.grounding.sampler import Framing, GroundingSampler
from inspire_training.grounding.settings import SourceSettings
from inspire_training.grounding.sources import open_sources, source_weights
from inspire_training.grounding.vocabulary import grounding_tokenizer, location_ids, order_locations
from inspire_training.model.presets import CameraConfig
from inspire_training.settings import TrainSettings


class Cotraining:
    """The questions of a run. Raises ValueError or FileNotFoundError for data that is not there or holds no such task.

    Attributes:
        facts: for the checkpoint.
    """

    def __init__(self, settings: TrainSettings, cameras: Sequence[CameraConfig]) -> None:
        wanted = settings.grounding
        self._seed, self._size = settings.seed, wanted.questions(settings.batch)
        self._framing = Framing(window=wanted.window, colour=settings.colour)
        chosen = SourceSettings(data=wanted.data, weights=wanted.weights)
        self._sources = open_sources(chosen, [camera.name for camera in cameras])
        mixture = wanted.mixture or MIXTURE
        self._mixture = Mixture(self._sources, source_weights(chosen), parse_mixture(mixture))
        self._sampler: GroundingSampler | None = None
        self.facts: dict[str, Any] = {
            "files": [path.name for path in wanted.data],
            "mixture": mixture,
            "tasks": list(self._mixture.tasks),
            "frames_per_question": settings.batch / self._size,
        }

    def tokenizer(
        self, instructions: Sequence[str], names: Sequence[str], texts: Sequence[str], *, queries: int
    ) -> tuple[Tokenizer, tuple[str, ...]]:
        """A tokenizer for the questions and for what the actions' training set says, and the objects of both."""
        records = [record for s in self._sources if isinstance(s, RecordSource) for record in s.store.records]
        objects = sorted({*names, *(item.name for record in records for item in record.objects)})
        told = sorted({*instructions, *(record.instruction for record in records)})
        return grounding_tokenizer(told, objects, texts, queries=queries), tuple(objects)

    def order_locations(self, model: Any, tokenizer: Tokenizer) -> None:
        """Begin with neighbouring locations alike."""
        order_locations(model.backbone.model.embed_tokens.weight, location_ids(tokenizer))

    def begin(self, start: Checkpoint) -> None:
        """Ask in the words of a checkpoint. Raises ValueError when its tokenizer has no location tokens."""
        self._sampler = GroundingSampler(self._mixture, start.config, start.style(), start.tokenizer)

    def loss(self, network: Any, *seed: int) -> Tensor:
        """The loss of a random batch; the same numbers give the same batch."""
        assert self._sampler is not None
        batch = self._sampler.batch(self._size, self._framing, self._seed, *seed)
        return grounding_loss(network, batch.to(next(network.parameters()).device))
