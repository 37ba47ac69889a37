"""The program of bundles with an action expert: look, read the instruction (and, where asked, answer), sample a chunk.

The expert reads the states of the prompt's rows, and those of the answers where they are asked for and it was trained
to read them. Answering is so a choice at run time: explicit (decoded under constraint, then acted on) or latent
(nothing asked, one decoder pass over the prompt).

Dual rate: the language model may run in every n-th tick alone. In between, the expert goes on with the states kept, the
newest perception tokens joined to them. Nothing is kept across another instruction, run, or set of forced answers.

The noise that sampling starts from follows the bundle's seed and the number of the inference: the same observations
give the same episode, yet none holds the arm for ever. With one noise for all ticks an arm that stands still sees what
it saw before and is told the same again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inspire_policy.action import LEAD_SIZE
from inspire_policy.bundle import Bundle
from inspire_policy.codecs.base import leads_from_rows
from inspire_policy.engines.protocol import Engine
from inspire_policy.programs.autoregressive import AutoregressiveProgram
from inspire_policy.programs.base import Answer, Job, Tick
from inspire_policy.sequence import MASKED

Key = tuple[int, str, tuple[str, ...], tuple[tuple[str, str], ...]]


@dataclass
class _Kept:
    """What the language model made of a tick. `ticks`: how many have used it."""

    key: Key
    answers: tuple[Answer, ...]
    states: np.ndarray
    bias: np.ndarray
    ticks: int = 0


class ExpertProgram(AutoregressiveProgram):
    """Runs a bundle of kind "expert" on an engine."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        super().__init__(bundle, engine)
        spec = bundle.manifest.expert
        if spec is None:
            raise ValueError("program expert: expected the field expert in the manifest, found none; export again")
        self._spec = spec
        self._every = 1
        self._kept: _Kept | None = None

    def set_pace(self, language_every: int) -> None:
        """Run the language model only in every so many ticks. Raises ValueError."""
        if language_every < 1:
            raise ValueError(f"language_every: expected 1 tick or more, found {language_every}")
        self._every, self._kept = language_every, None

    def check(self, instruction: str, objects: tuple[str, ...]) -> None:
        """Raises ValueError when instruction or sequence are longer than the graphs allow."""
        super().check(instruction, objects)
        rows = len(self._prefix_ids(instruction)) + (len(objects) if self._spec.reads_answers else 0)
        if rows > self._spec.context_rows:
            raise ValueError(
                f"instruction: expected at most {self._spec.context_rows} rows for the expert, found {rows}; shorten it"
            )

    def tick(self, job: Job) -> Tick:
        """Look, read or go on with what was read, and sample; see Program."""
        start = time.monotonic()
        felt, instruction = job.observation.proprioception, job.instruction
        patches = self._perceive(job.observation.images, felt, instruction)
        seen = time.monotonic()
        asked = job.objects if self._manifest.questions else ()
        key = (job.run, instruction, asked, tuple(sorted(job.forced.items())))
        kept, passes = self._kept, 0
        if kept is None or kept.key != key or kept.ticks >= self._every:
            self._kept = None  # a failure leaves nothing behind
            kept = self._read(key, patches, self._prefix_ids(instruction, felt), job.draft, job.forced)
            self._kept, passes = kept, self._decoder.passes
        kept.ticks += 1
        read = time.monotonic()
        inputs = {
            "states": kept.states,
            "state_bias": kept.bias,
            "patches": patches[None],
            "noise": self._noise(job.number),
        }
        rows = self._codec.decode(self._engine.run("expert", inputs)["chunk"][0])
        end = time.monotonic()
        return Tick(
            answers=kept.answers,
            leads=leads_from_rows(rows, self._manifest.contract),
            rows=rows,
            vision_passes=1,
            decoder_passes=passes,
            timings={
                "perception": seen - start, "decoder": read - seen, "expert": end - read, "total": end - start
            },
        )  # fmt: skip

    def _prefix_ids(self, instruction: str, state: np.ndarray | None = None) -> np.ndarray:
        return self._style.prefix_ids(self._spec.told(instruction), state)

    def _read(
        self,
        key: Key,
        patches: np.ndarray,
        prefix: np.ndarray,
        draft: Mapping[str, str],
        forced: Mapping[str, str],
    ) -> _Kept:
        """Feed the prompt, with questions and answers where they are asked, and keep the states to be read."""
        asked = key[2]
        self._decoder.begin()
        nothing = np.zeros(0, dtype=np.int64)  # the expert asks for no action in words
        answers, _, _ = self._ask(patches, prefix, asked, nothing, draft, forced)
        rows = list(range(len(prefix)))
        if self._spec.reads_answers:
            rows += self._answer_rows(len(prefix), asked)
        states = np.zeros((self._spec.layers, 1, self._spec.context_rows, patches.shape[1]), dtype=np.float32)
        states[:, 0, : len(rows)] = self._decoder.states[:, rows]
        bias = np.full((1, self._spec.context_rows), MASKED, dtype=np.float32)
        bias[:, : len(rows)] = 0.0
        return _Kept(key, answers, states, bias)

    def _answer_rows(self, start: int, asked: tuple[str, ...]) -> list[int]:
        """Rows of the answers behind a prefix of `start` rows."""
        rows = []
        for name in asked:
            start += len(self._style.question_ids(name))
            rows.append(start)
            start += 1 + len(self._answer_end)
        return rows

    def _noise(self, number: int) -> np.ndarray:
        shape = (1, self._manifest.chunk_length, LEAD_SIZE)
        return np.random.default_rng((self._spec.noise_seed, number)).standard_normal(shape).astype(np.float32)
