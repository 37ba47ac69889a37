"""Parity: observations with the answers and chunks that the trained model gave, kept in the bundle as `parity.npz`.

Configure runs them through the engine on this machine: a warm-up that also proves that graphs, geometry, tokens and
codec are the ones the model was trained with.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from inspire_policy.bundle import Bundle, BundleError
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job, Program

PARITY_FILE = "parity.npz"
DEFAULT_TOLERANCE = 1e-3


class ParityError(ValueError):
    """A program does not do what the trained model does."""


@dataclass(frozen=True)
class ParitySample:
    """One observation as a camera and an arm give it, what was asked, and what the trained model makes of it.

    Attributes:
        words: the answers, one per object. rows: (chunk_length, 7) normalised.
    """

    job: Job
    words: tuple[str, ...]
    rows: np.ndarray

    @classmethod
    def of(cls, job: Job, program: Program) -> ParitySample:
        """What a program makes of a job."""
        tick = program.tick(job)
        return cls(job, tuple(answer.word for answer in tick.answers), tick.rows)

    @property
    def draft(self) -> dict[str, str]:
        """The right answers, as the draft of a job."""
        return dict(zip(self.job.objects, self.words))


def parity_bytes(samples: Sequence[ParitySample]) -> bytes:
    """Content of parity.npz, for `write_bundle`."""
    arrays: dict[str, np.ndarray] = {}
    texts = []
    for i, sample in enumerate(samples):
        job, seen = sample.job, sample.job.observation
        texts.append({"instruction": job.instruction, "objects": list(job.objects), "words": list(sample.words)})
        state = np.concatenate([seen.position, seen.quaternion, [seen.opening]])
        arrays[f"{i}/state"] = state.astype(np.float64)
        arrays[f"{i}/rows"] = np.asarray(sample.rows, dtype=np.float32)
        arrays.update({f"{i}/image_{camera}": image for camera, image in seen.images.items()})
    stream = io.BytesIO()
    np.savez_compressed(stream, texts=np.array(json.dumps(texts)), **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def read_parity(source: str | BinaryIO) -> tuple[ParitySample, ...]:
    """The samples of a parity.npz."""
    samples = []
    with np.load(source, allow_pickle=False) as archive:
        for i, text in enumerate(json.loads(str(archive["texts"]))):
            state = archive[f"{i}/state"]
            start = f"{i}/image_"
            images = {name[len(start) :]: archive[name] for name in archive.files if name.startswith(start)}
            seen = PolicyObservation(images, state[:3], state[3:7], float(state[7]))
            job = Job(seen, text["instruction"], tuple(text["objects"]))
            samples.append(ParitySample(job, tuple(text["words"]), archive[f"{i}/rows"]))
    return tuple(samples)


def warm_up(bundle: Bundle, program: Program) -> int:
    """Run the bundle's parity samples, or a blank observation when it has none. Raises BundleError on a difference.

    Returns:
        The number of samples compared.
    """
    manifest = bundle.manifest
    if PARITY_FILE not in manifest.files:
        images = {name: np.zeros((g.height, g.width, 3), dtype=np.uint8) for name, g in manifest.cameras.items()}
        objects = manifest.known_objects[: manifest.max_questions]
        still = PolicyObservation(images, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), 1.0)
        program.tick(Job(still, "", objects[:1]))
        return 0
    tolerance = float(manifest.parity.get("tolerance", DEFAULT_TOLERANCE))
    samples = read_parity(str(bundle.file(PARITY_FILE)))
    try:
        largest_difference(program, samples, tolerance)
    except ParityError as error:
        raise BundleError(
            f"bundle {manifest.name}: {error}; use the engine it was exported for, or export again"
        ) from error
    return len(samples)


def largest_difference(program: Program, samples: Sequence[ParitySample], tolerance: float) -> float:
    """The largest difference of a chunk's numbers between a program and the trained model. Raises ParityError where it
    answers otherwise or differs by more than the tolerance.
    """
    largest = 0.0
    for number, sample in enumerate(samples):
        tick = program.tick(sample.job)
        words = tuple(answer.word for answer in tick.answers)
        difference = float(np.abs(tick.rows - sample.rows).max())
        if words != sample.words or not difference <= tolerance:
            raise ParityError(
                f"parity sample {number}: expected answers {sample.words} and a chunk within {tolerance}, "
                f"found {words} and {difference:.2g}"
            )
        largest = max(largest, difference)
    return largest
