"""One frame read by a policy: its own answers, and where the rows that answer and act look.

Answers and action codes are those of the robot's own program; the sequence that it fed is then read at once:
perception, instruction, per object the question and the answer, then what asks for the action. An answer comes out of
the last row of its question, a chunk out of the query tokens (or of the rows before each action code); those rows are
the ones whose attention is read. An action expert looks through its querying transformer, at the language model's rows
and at the perception tokens themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inspire_policy.directions import asked_name
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Answer, Job
from inspire_policy.question_modes import NO_AXIS, question_text
from inspire_policy.sequence import attention_bias
from inspire_policy.tokens import padded_instruction_ids
from inspire_training.attention.layout import token_places
from inspire_training.attention.lenses import LENSES, Lens, read
from inspire_training.attention.watching import recorded_attention, recorded_queries
from inspire_training.checkpoint import Checkpoint
from inspire_training.expert.prompts import told
from inspire_training.policy_torch import TorchExpertPolicy, TorchPolicy

ACTION = "action"


@dataclass(frozen=True)
class Look:
    """Where one answer, or the action, looks.

    Attributes:
        object: asked about; "" for the action. word: the answer, "" for the action. axis: signed axis that it names,
            None for none. probabilities: of the words, empty where an answer takes several tokens.
        maps: lens -> camera -> (s, s) float, shares of the whole attention; s x s cells of the model's image.
        rest: lens -> share that falls on no image: words, what the arm feels.
    """

    object: str
    word: str
    axis: int | None
    probabilities: tuple[float, ...]
    maps: Mapping[Lens, Mapping[str, np.ndarray]]
    rest: Mapping[Lens, float]

    @property
    def name(self) -> str:
        """The object asked about, or "action"."""
        return self.object or ACTION


@dataclass(frozen=True)
class _Fed:
    """A sequence of T rows with its answers, and the rows that say or do something.

    Attributes:
        inputs: of the language model: embeddings (1, T, width), positions (1, T), bias (1, 1, T, T). prefix: its rows.
        said: per answer the row that says it. answers: rows where the answers stand. action: rows that the chunk comes
            out of; empty with an expert.
    """

    inputs: tuple[Tensor, Tensor, Tensor]
    prefix: int
    said: tuple[int, ...]
    answers: tuple[int, ...]
    action: tuple[int, ...]


class Reader:
    """Reads frames with a checkpoint. Raises ValueError for one that only learned grounding."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        if checkpoint.training.get("stage") == "grounding":
            raise ValueError(
                "checkpoint: expected a policy that acts, found one of stage 1 (grounding), whose answers "
                "`inspire grounding-eval` counts; train on from it with `inspire train --stage action`"
            )
        self.words = checkpoint.words.words
        self.questions = checkpoint.config.questions
        self._config, self._policy, self._tokenizer = checkpoint.config, checkpoint.model.eval(), checkpoint.tokenizer
        self._style, self._codec = checkpoint.style(), checkpoint.codec()
        self._program: _Program | TorchExpertPolicy = (
            _Program(checkpoint) if checkpoint.config.expert is None else TorchExpertPolicy(checkpoint)
        )
        expert = checkpoint.config.expert
        self._template = "{instruction}" if expert is None else expert.template
        self._expert_reads_answers = expert is not None and expert.answers > 0 and self.questions

    @property
    def question_mode(self) -> str:
        """Which of the published questions it is asked."""
        return self._style.question_mode

    def question(self, name: str) -> str:
        """What is asked about an object."""
        return question_text(self.question_mode, asked_name(name))

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that it sees through."""
        return tuple(camera.name for camera in self._config.cameras)

    def look(self, observation: PolicyObservation, instruction: str, objects: Sequence[str]) -> tuple[Look, ...]:
        """The looks of the answers, in the order of `objects`, and of the action.

        Raises ValueError where a camera is missing, and with a language model that does not tell its attention.
        """
        tick = self._program.tick(Job(observation, instruction, tuple(objects[: self._config.max_objects])))
        with torch.inference_mode():
            return self._looks(observation, instruction, tick.answers)

    def _looks(self, observation: PolicyObservation, instruction: str, answers: Sequence[Answer]) -> tuple[Look, ...]:
        seen_images, ids = self._inputs(observation.images, instruction)
        felt = observation.proprioception
        seen = self._policy.perceive(seen_images, torch.from_numpy(felt)[None], ids)
        places = token_places(self._policy, seen_images, ids)
        fed = self._feed(seen, felt, instruction, answers)
        with recorded_attention(self._policy.backbone) as layers:
            states = self._states(fed)
        matrices = {lens: read(lens, layers) for lens in LENSES}
        looks = []
        for answer, row in zip(answers, fed.said):
            shares = {lens: matrices[lens][row] for lens in LENSES}
            looks.append(self._look(answer, shares, places))
        if self._policy.expert is None:
            action = {lens: matrices[lens][list(fed.action)].mean(axis=0) for lens in LENSES}
        else:
            action = self._expert_looks(fed, states, seen, layers)
        return (*looks, self._look(None, action, places))

    def _inputs(self, images: Mapping[str, np.ndarray], instruction: str) -> tuple[list[Tensor], Tensor]:
        seen = [torch.from_numpy(c.geometry.apply(images[c.name]))[None] for c in self._config.cameras]
        if not self._config.vision.conditioned:  # it is not told the instruction
            return seen, torch.zeros(1, 0, dtype=torch.long)
        ids = padded_instruction_ids(self._tokenizer, instruction, self._config.text_length)
        return seen, torch.from_numpy(ids)[None]

    def _feed(self, seen: Tensor, felt: np.ndarray, instruction: str, answers: Sequence[Answer]) -> _Fed:
        """The sequence that the program fed, at once."""
        ids = self._style.prefix_ids(told(self._template, instruction), felt).tolist()
        prefix = len(ids)
        said: list[int] = []
        stood: list[int] = []
        for answer in answers:
            ids += self._style.question_ids(answer.object).tolist()
            said.append(len(ids) - 1)
            words = self._style.answer_ids(answer.word)
            stood += range(len(ids), len(ids) + len(words))
            ids += [*words, *self._style.answer_end_ids().tolist()]
        acting: list[int] = []
        if self._policy.expert is None:
            ids += self._style.action_ids(instruction, self._codec.queries).tolist()
            acting += range(len(ids) - self._codec.queries, len(ids))
            if self._codec.codes:
                code_ids = self._style.code_ids(self._codec.code_values)[self._codes()].tolist()
                acting += range(len(ids) - 1, len(ids) - 1 + len(code_ids))
                ids += code_ids
        both_ways = prefix if self._style.prefix_attention == "bidirectional" else 0
        bias = attention_bias(len(ids), cached=0, cache_length=0, bidirectional=both_ways)
        rows = self._policy.embed(torch.tensor(ids)[None], seen)
        inputs = rows, torch.arange(len(ids))[None], torch.from_numpy(bias)[None, None]
        return _Fed(inputs, prefix, tuple(said), tuple(stood), tuple(acting))

    def _codes(self) -> np.ndarray:
        return self._program.codes if isinstance(self._program, _Program) else np.zeros(0, dtype=np.int64)

    def _states(self, fed: _Fed) -> Tensor:
        """Runs a whole sequence; the states (n, 1, T, width) that an expert reads, none of them without one."""
        backbone, expert = self._policy.backbone, self._policy.expert
        if expert is None:
            return backbone(*fed.inputs)[None, :0]
        return backbone.states(*fed.inputs, expert.config.language_layers)[1]

    def _expert_looks(
        self, fed: _Fed, states: Tensor, seen: Tensor, layers: Sequence[np.ndarray]
    ) -> dict[Lens, np.ndarray]:
        """Shares of the rows (T,) in what the expert is told: the mean over its learned queries.

        Perception tokens that it looks at itself count as their rows. What it reads of another row is followed into the
        language model: by rollout up to the layer read; not at all by the last layer alone, where a row is itself.
        """
        querying = self._policy.expert.querying
        rows = [*range(fed.prefix), *(fed.answers if self._expert_reads_answers else ())]
        told_of = states[:, :, rows]
        with recorded_queries(querying) as blocks:
            querying(told_of, told_of.new_zeros(told_of.shape[1:3]), seen)
        start, size = self._policy.perception_start, fed.inputs[0].shape[1]
        found: dict[Lens, np.ndarray] = {lens: np.zeros(size) for lens in LENSES}
        for number, (layer, weights) in enumerate(zip(self._policy.expert.config.language_layers, blocks)):
            at_states, at_patches = np.split(weights, [len(rows)])
            direct, through = np.zeros(size), np.zeros(size)
            direct[start : start + len(at_patches)] += at_patches
            through[rows] = at_states
            upto = layers[: layer % len(layers) + 1]
            last = number == len(blocks) - 1
            found["rollout"] = 0.5 * found["rollout"] + (1.0 if not number else 0.5) * (
                direct + through @ read("rollout", upto)
            )
            if last:
                found["last"] = direct + through
        return found

    def _look(self, answer: Answer | None, shares: Mapping[Lens, np.ndarray], places: Sequence[np.ndarray]) -> Look:
        """Shares of the rows of the sequence, (T,) per lens, as maps of the cameras; the action's without an answer."""
        maps: dict[Lens, dict[str, np.ndarray]] = {}
        rest: dict[Lens, float] = {}
        for lens, share in shares.items():
            start, maps[lens] = self._policy.perception_start, {}
            for camera, place in zip(self.cameras, places):
                maps[lens][camera] = np.einsum("n,nij->ij", share[start : start + len(place)], place)
                start += len(place)
            rest[lens] = 1.0 - float(sum(picture.sum() for picture in maps[lens].values()))
        if answer is None:
            return Look("", "", None, (), maps, rest)
        axis = None if answer.axis == NO_AXIS else answer.axis
        return Look(answer.object, answer.word, axis, tuple(answer.probabilities), maps, rest)


class _Program(TorchPolicy):
    """Remembers the action codes of its last tick."""

    codes = np.zeros(0, dtype=np.int64)

    def _generate(self, logits: np.ndarray) -> np.ndarray:
        self.codes = super()._generate(logits)
        return self.codes
