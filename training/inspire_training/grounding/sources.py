"""Sources of grounding examples by their paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspire_training.grounding.examples import HELD_OUT, RecordSource, Source
from inspire_training.grounding.llava import LlavaSource
from inspire_training.grounding.settings import SourceSettings
from inspire_training.grounding.store import open_store


def open_sources(settings: SourceSettings, cameras: Sequence[str], *, held_out: int = HELD_OUT) -> list[Source]:
    """One source per entry of `data`. Raises ValueError or FileNotFoundError.

    Args:
        cameras: whose images are read. held_out: one episode in so many is kept for validation; 0 for none.
    """
    if not settings.data:
        raise ValueError("data: expected at least one file or folder of grounding records, found none")
    return [_open(path, settings, cameras, held_out) for path in settings.data]


def _open(path: Path, settings: SourceSettings, cameras: Sequence[str], held_out: int) -> Source:
    if path.suffix in (".json", ".jsonl"):
        source = LlavaSource(path, settings.images, coordinates=settings.coordinates)
        if source.skipped:
            print(f"{path.name}: left out {source.skipped}", flush=True)
        return source
    return RecordSource(open_store([path], cameras), path.name, held_out=held_out)


def source_weights(settings: SourceSettings) -> list[float]:
    """One weight per entry of `data`. Raises ValueError when they do not match."""
    if settings.weights and len(settings.weights) != len(settings.data):
        raise ValueError(
            f"weights: expected one per entry of data ({len(settings.data)}), found {len(settings.weights)}"
        )
    return list(settings.weights) or [1.0] * len(settings.data)
