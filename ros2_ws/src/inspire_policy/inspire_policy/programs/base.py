"""The one interface of every program, and the choice of one by the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from inspire_policy.action import Lead
from inspire_policy.bundle import Bundle, BundleError
from inspire_policy.engines.protocol import Engine
from inspire_policy.observations import PolicyObservation


@dataclass(frozen=True)
class Answer:
    """Where an object lies, as the model says.

    Attributes:
        object: as named in the instruction. word: the answer fed back to the model, a text in some question modes.
        axis: the signed axis that it names (see DirectionWords), NO_AXIS for none. probabilities: one per answer of
            the mode, of the model in the vocabulary's order, also when the word was forced; empty in a mode whose
            answers take several tokens.
        forced: the word was given from outside.
    """

    object: str
    word: str
    axis: int
    probabilities: tuple[float, ...]
    forced: bool = False


@dataclass(frozen=True)
class Job:
    """What one inference needs.

    Attributes:
        observation: what is seen and felt. instruction: as spoken.
        objects: to be asked about, in order; empty asks nothing.
        forced: object -> answer to feed instead of the model's own.
        draft: object -> answer that is expected, as of the last tick; only the time it takes depends on it.
        run: changes when observations do not go on from those before; nothing is kept across such a change.
        number: inferences for this instruction before this one; a policy that samples has other noise in each.
    """

    observation: PolicyObservation
    instruction: str
    objects: tuple[str, ...]
    forced: Mapping[str, str] = field(default_factory=dict)
    draft: Mapping[str, str] = field(default_factory=dict)
    run: int = 0
    number: int = 0


@dataclass(frozen=True)
class Tick:
    """What one inference says.

    Attributes:
        answers: in order of mention. leads: the chunk. rows: (chunk_length, 7) the same, normalised.
        vision_passes, decoder_passes: runs of the perception and the decoder graph.
            0 decoder passes: the chunk comes from the language model's states of an earlier tick.
        timings: stage -> s on the monotonic clock: "perception", "decoder", "total", and "expert" with one.
    """

    answers: tuple[Answer, ...]
    leads: tuple[Lead, ...]
    rows: np.ndarray
    vision_passes: int
    decoder_passes: int
    timings: Mapping[str, float]


class Program(Protocol):
    """Looks, answers and acts. Not thread-safe."""

    def check(self, instruction: str, objects: tuple[str, ...]) -> None:
        """Raises ValueError when an instruction with these objects does not fit the model."""

    def tick(self, job: Job) -> Tick:
        """Look, answer and act once. Raises ValueError on wrong images or numbers, or a sequence that does not fit."""

    def set_pace(self, language_every: int) -> None:
        """Run the language model only in every so many ticks, where a program can act on what it kept of the last one.

        Raises ValueError where it cannot.
        """


def make_program(bundle: Bundle, engine: Engine) -> Program:
    """The program of a bundle's manifest. Raises BundleError on an unknown kind."""
    kind = bundle.manifest.program.kind
    if kind == "autoregressive":
        from inspire_policy.programs.autoregressive import AutoregressiveProgram

        return AutoregressiveProgram(bundle, engine)
    if kind == "expert":
        from inspire_policy.programs.expert import ExpertProgram

        return ExpertProgram(bundle, engine)
    raise BundleError(
        f"program: expected kind autoregressive or expert, found {kind!r}; update inspire_policy or export again"
    )


def graph_files(bundle: Bundle) -> dict[str, Path]:
    """Graph name -> file of the bundle's graphs, for `make_engine`."""
    return {name.removesuffix(".onnx"): bundle.file(name) for name in bundle.manifest.files if name.endswith(".onnx")}
