"""Grounding at run time: where a bundle's language model sees what an instruction is about.

A question is told to the vision tower and stands in the prefix; the answer is decoded greedily in location tokens, as
many as the question's answer has, and nothing else can be said. Locations are read finer than their steps, as the mean
of the model's own distribution around the token it chose.

It has an engine of its own, so that it never holds up the program that drives the arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inspire_policy.bundle import Bundle
from inspire_policy.engines.protocol import Engine
from inspire_policy.manifest import GroundingTask
from inspire_policy.observations import PolicyObservation
from inspire_policy.pixel_maps import pixel_map
from inspire_policy.programs.cache import CachedDecoder
from inspire_policy.tokens import padded_instruction_ids, token_id

WINDOW = 4  # steps on either side of a location that count as around it


@dataclass(frozen=True)
class Grounded:
    """One answer.

    Attributes:
        task: its name. object: as asked, empty for the whole task. points: (n, 2) px of the camera's image; of a box
            its upper left and lower right corner. confidence: 0..1, see GroundedItem.
    """

    task: str
    object: str
    points: np.ndarray
    confidence: float


class Grounder:
    """Answers the grounding questions of a bundle. Not thread-safe. Raises ValueError for a bundle without any."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        manifest = bundle.manifest
        if manifest.grounding is None:
            raise ValueError(
                f"grounding: expected a bundle that was trained to ground, found {manifest.name}, which was not; train "
                "with grounding records (inspire train --grounding) and export again"
            )
        self._manifest, self._spec, self._bundle, self._engine = manifest, manifest.grounding, bundle, engine
        layers = manifest.expert.layers if manifest.expert is not None else 0
        self._decoder = CachedDecoder(engine, manifest.decoder, manifest.perception.width, layers=layers)
        self._locations = np.array(
            [token_id(bundle.tokenizer, f"<loc_{i}>") for i in range(self._spec.steps + 1)], dtype=np.int64
        )
        self._columns = manifest.decoder.columns(self._locations)

    @property
    def camera(self) -> str:
        """Whose images the coordinates belong to."""
        return self._spec.camera

    def questions(self, tasks: Sequence[str], objects: Sequence[str], instruction: str) -> list[tuple[str, str]]:
        """(task, object) of each question; object "" for the whole task.

        Args:
            tasks: names, all of the bundle's when empty. objects: what to look for. instruction: the running one, or
                empty.

        Raises:
            ValueError: unknown task or object, nothing to ask about.
        """
        known, names = tuple(self._spec.tasks), self._manifest.known_objects
        for kind, found, expected in (("task", tasks, known), ("object", objects, names)):
            wrong = [name for name in found if name not in expected]
            if wrong:
                raise ValueError(
                    f"grounding: expected each {kind} among {', '.join(expected)}, found {', '.join(map(repr, wrong))}"
                )
        asked: list[tuple[str, str]] = []
        for task in tasks or known:
            if self._spec.tasks[task].about_object:
                asked += [(task, name) for name in objects]
            elif instruction:
                asked.append((task, ""))
        if not asked:
            raise ValueError(
                "grounding: expected objects to look for, or a running instruction, found neither; name objects or "
                "give an instruction"
            )
        return asked

    def ground(
        self, observation: PolicyObservation, instruction: str, questions: Sequence[tuple[str, str]]
    ) -> tuple[Grounded, ...]:
        """Answers in the order of the questions. Raises ValueError."""
        felt, images = observation.proprioception, observation.images
        prepared = {f"image_{c}": g.apply(images[c])[None] for c, g in self._manifest.cameras.items()}
        height, width = images[self.camera].shape[:2]
        geometry = self._manifest.cameras[self.camera]
        back = pixel_map(geometry, width, height).inverse((width, height))
        answers = []
        for name, item in questions:
            task = self._spec.tasks[name]
            text = task.text(instruction, item)
            places, confidence = self._locate(prepared, felt, text, task)
            pixels = places.reshape(-1, 2) / self._spec.steps * (geometry.width, geometry.height)
            points = back.boxes(_ordered(pixels)).reshape(-1, 2) if task.columns == 4 else back.points(pixels)
            answers.append(Grounded(name, item, points, confidence))
        return tuple(answers)

    def _locate(
        self, prepared: Mapping[str, np.ndarray], felt: np.ndarray, text: str, task: GroundingTask
    ) -> tuple[np.ndarray, float]:
        """Locations (rows x columns,) in steps, not whole, and the confidence."""
        inputs = {**prepared, "proprioception": felt[None]}
        if length := self._manifest.perception.text_length:
            inputs["instruction_ids"] = padded_instruction_ids(self._bundle.tokenizer, text, length)[None]
        seen = self._engine.run("perception", inputs)["embeddings"][0]
        style = self._bundle.style
        ids = style.prefix_ids(text, felt)
        both_ways = len(ids) if style.prefix_attention == "bidirectional" else 0
        self._decoder.begin()
        places, confidence = np.zeros(task.rows * task.columns), 1.0
        given: np.ndarray | None = seen
        for i in range(len(places)):
            logits, _ = self._decoder.feed(ids, given, first=style.perception_start, bidirectional=both_ways)
            kept = logits[-1][self._columns].astype(np.float64)
            shares = np.exp(kept - kept.max())
            shares /= shares.sum()
            chosen = int(shares.argmax())
            near = np.arange(max(0, chosen - WINDOW), min(len(shares), chosen + WINDOW + 1))
            mass = float(shares[near].sum())
            places[i] = float(near @ shares[near]) / mass
            confidence = min(confidence, mass)
            ids, given, both_ways = self._locations[chosen : chosen + 1], None, 0
        return places, confidence


def _ordered(corners: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) of pairs of corners (2n, 2), whichever was said first."""
    pairs = corners.reshape(-1, 2, 2)
    return np.concatenate([pairs.min(axis=1), pairs.max(axis=1)], axis=1)
