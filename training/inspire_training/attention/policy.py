"""A checkpoint that is looked into: its reader, what its cameras show, and how its looks share among the objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inspire_policy.directions import REP103
from inspire_policy.images import ImageGeometry
from inspire_training.attention.frames import CAMERA, SeenEpisode, SeenFrame
from inspire_training.attention.lenses import Lens
from inspire_training.attention.mass import Share, coverage, shares_of
from inspire_training.attention.pictures import SIDE
from inspire_training.attention.reading import Look, Reader
from inspire_training.checkpoint import load_checkpoint


@dataclass(frozen=True)
class Policy:
    """A checkpoint that is looked into.

    Attributes:
        geometries: of its cameras. comparable: whether its words mean the arm's axes; those of a viewer cannot be told
            right or wrong. words: its vocabulary. step: of its training.
    """

    reader: Reader
    geometries: Mapping[str, ImageGeometry]
    comparable: bool
    words: tuple[str, ...]
    step: int

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Of a checkpoint or run. Raises ValueError or FileNotFoundError."""
        if (path / "config.json").is_file() and not (path / "config.yaml").is_file():
            raise ValueError(
                f"checkpoint: expected a policy of this project, found a model of transformers in {path}, which does "
                "not act"
            )
        checkpoint = load_checkpoint(path)
        words = checkpoint.words
        return cls(
            reader=Reader(checkpoint),
            geometries={c.name: c.geometry for c in checkpoint.config.cameras},
            comparable=words.frame == REP103.frame,
            words=words.words,
            step=checkpoint.step,
        )

    def look(self, frame: SeenFrame, episode: SeenEpisode) -> tuple[Look, ...]:
        """Its looks in a frame."""
        return self.reader.look(frame.observation, episode.instruction, episode.objects)

    def shares(
        self, frame: SeenFrame, episode: SeenEpisode, looks: Sequence[Look], lenses: Sequence[Lens]
    ) -> list[Share]:
        """What its looks give the objects of a frame."""
        found: list[Share] = []
        if CAMERA not in self.geometries:
            return found
        for look in looks:
            for lens in lenses:
                picture = look.maps[lens][CAMERA]
                covered = self.covered(frame, len(picture))
                found += shares_of(
                    seed=episode.seed, step=frame.step, asked=look.object, objects=episode.objects, lens=lens,
                    picture=picture, covered=covered,
                )  # fmt: skip
        return found

    def covered(self, frame: SeenFrame, cells: int) -> dict[str, np.ndarray]:
        """Object -> coverage of the model's picture."""
        return {name: coverage(mask, self.geometries[CAMERA], cells) for name, mask in frame.masks.items()}

    def view(self, image: np.ndarray, camera: str) -> np.ndarray:
        """A camera's image turned and cropped as for the model, but large enough for people."""
        geometry = self.geometries[camera]
        larger = replace(geometry, width=SIDE, height=round(SIDE * geometry.height / geometry.width), filter="bicubic")
        return larger.apply(image)

    def right(self, look: Look, frame: SeenFrame) -> bool | None:
        """Whether an answer is right, None where nobody knows."""
        if not self.comparable or look.axis is None or look.object not in frame.axes:
            return None
        return look.axis == frame.axes[look.object]
