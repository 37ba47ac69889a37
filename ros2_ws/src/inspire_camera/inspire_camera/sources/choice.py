"""The source that the settings describe."""

from __future__ import annotations

from pathlib import Path

from inspire_camera.scenes import Renders, Scene, TestPicture
from inspire_camera.settings import CLOCKS, FILE, LIVE, SourceSettings
from inspire_camera.sources.base import Source
from inspire_camera.sources.live import LiveSource
from inspire_camera.sources.recorded import RecordedSource
from inspire_camera.sources.synthetic import SyntheticSource


def make_source(settings: SourceSettings) -> Source:
    """The source. Raises CameraError where its file is missing or unusable."""
    if settings.kind == LIVE:
        return LiveSource(settings.serial)
    if settings.kind == FILE:
        return RecordedSource(Path(settings.file), repeat=settings.repeat, replayed=settings.replayed)
    scene: Scene = TestPicture(settings.color, settings.depth)
    if settings.pictures:
        scene = Renders.load(Path(settings.pictures))
    return SyntheticSource(scene, fps=settings.color.fps, domain=CLOCKS[settings.clock])
