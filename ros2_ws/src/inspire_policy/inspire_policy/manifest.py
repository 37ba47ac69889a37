"""`policy.json`: everything the runtime has to know about a bundle.

Training writes it, the robot reads it; both with these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inspire_policy.action import ActionContract
from inspire_policy.codecs.registry import CODECS
from inspire_policy.directions import DirectionWords
from inspire_policy.images import ImageGeometry
from inspire_policy.instructions import MAX_CHARACTERS
from inspire_policy.proprioception import PROPRIOCEPTION_SIZE
from inspire_policy.question_modes import answer_texts, check_mode
from inspire_policy.sequences.base import PREFIX_ATTENTION
from inspire_policy.sequences.registry import STYLES

SCHEMA_VERSION = 1
INSTRUCTION, OBJECT = "{instruction}", "{object}"  # their places in a template
GROUNDING_TASKS = ("box", "point", "trace")
PROGRAM_KINDS = ("autoregressive", "expert")


@dataclass(frozen=True, kw_only=True)
class ProgramSpec:
    """Which code runs the bundle. An unknown kind, style or codec is refused."""

    kind: str
    sequence_style: str
    action_codec: str
    style_settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (("kind", PROGRAM_KINDS), ("sequence_style", tuple(STYLES)), ("action_codec", CODECS)):
            value = getattr(self, name)
            if value not in known:
                raise ValueError(
                    f"expected {name} one of {', '.join(known)}, found {value!r}; update inspire_policy or export again"
                )


@dataclass(frozen=True, kw_only=True)
class WordsSpec:
    """Answer words: signed axis of `frame` of each (see DirectionWords) and its token id."""

    axis_of: Mapping[str, int]
    frame: str
    token_ids: Mapping[str, int]

    def __post_init__(self) -> None:
        DirectionWords(self.axis_of, self.frame)
        if set(self.token_ids) != set(self.axis_of):
            raise ValueError(
                f"expected a token id for each of {', '.join(self.axis_of)}, found {', '.join(self.token_ids)}"
            )

    @property
    def vocabulary(self) -> DirectionWords:
        """The words as the core uses them."""
        return DirectionWords(self.axis_of, self.frame)


@dataclass(frozen=True, kw_only=True)
class ProprioceptionSpec:
    """Statistics of the proprioception vector, 10 numbers each; for people, the graph holds them too."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != PROPRIOCEPTION_SIZE or len(self.std) != PROPRIOCEPTION_SIZE:
            raise ValueError(
                f"expected {PROPRIOCEPTION_SIZE} means and deviations, found {len(self.mean)} and {len(self.std)}"
            )


@dataclass(frozen=True, kw_only=True)
class PerceptionSpec:
    """perception.onnx: `tokens` embeddings of `width` numbers; `text_length` instruction ids, right-padded, 0 when it
    is not told the instruction.
    """

    tokens: int
    width: int
    text_length: int


@dataclass(frozen=True, kw_only=True)
class DecoderSpec:
    """decoder.onnx: shape of its key/value cache, (layers, 1, kv_heads, cache_length, head_dim).

    Attributes:
        said: the token ids that can be answered, ascending, one column of the logits each; empty: a column for every
            token. A language model's whole vocabulary costs more than all its layers in a pass over many rows.
    """

    layers: int
    kv_heads: int
    head_dim: int
    cache_length: int
    prefix_attention: str = "bidirectional"
    said: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.prefix_attention not in PREFIX_ATTENTION:
            raise ValueError(
                f"expected prefix_attention one of {', '.join(PREFIX_ATTENTION)}, found {self.prefix_attention!r}"
            )
        if list(self.said) != sorted(set(self.said)) or any(number < 0 for number in self.said):
            raise ValueError(f"expected ascending token ids in said, found {self.said}")

    def columns(self, ids: np.ndarray) -> np.ndarray:
        """The logits' columns of token ids. Raises ValueError for one that the graph cannot say."""
        if not self.said:
            return ids
        known = np.array(self.said, dtype=np.int64)
        if missing := set(ids.tolist()).difference(self.said):
            raise ValueError(
                f"expected a decoder that says every token asked of it, found none for {sorted(missing)[:8]}; "
                "export again"
            )
        return np.searchsorted(known, ids)


@dataclass(frozen=True, kw_only=True)
class ExpertSpec:
    """expert.onnx: samples a chunk of the states (layers, 1, context_rows, width) that decoder.onnx gives, the newest
    perception embeddings and standard normal noise (1, chunk_length, 7).

    Attributes:
        template: how the sequence tells the instruction, with {instruction} in its place. reads_answers: whether the
            states of answers are read as well, where they were asked for. noise_seed: of the noise, which also
            follows the number of the inference in its instruction. sampling: how it was made; for people.
    """

    layers: int
    context_rows: int
    template: str
    reads_answers: bool
    noise_seed: int = 0
    sampling: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if INSTRUCTION not in self.template:
            raise ValueError(f"expected {INSTRUCTION} in the template, found {self.template!r}")
        if self.layers < 1 or self.context_rows < 1:
            raise ValueError(
                f"expected layers and context_rows of at least 1, found {self.layers}, {self.context_rows}"
            )

    def told(self, instruction: str) -> str:
        """The instruction in its template."""
        return self.template.replace(INSTRUCTION, instruction)


@dataclass(frozen=True, kw_only=True)
class GroundingTask:
    """A grounding question: its text with {object} or {instruction} in it, and rows x columns locations as its answer;
    4 columns are a box, 2 a point.
    """

    template: str
    rows: int
    columns: int

    def __post_init__(self) -> None:
        if OBJECT not in self.template and INSTRUCTION not in self.template:
            raise ValueError(f"expected {OBJECT} or {INSTRUCTION} in the template, found {self.template!r}")
        if self.rows < 1 or self.columns not in (2, 4):
            raise ValueError(f"expected rows of 2 or 4 columns, found {self.rows} of {self.columns}")

    @property
    def about_object(self) -> bool:
        """Whether it is asked about one object, or about the whole task."""
        return OBJECT in self.template

    def text(self, instruction: str, name: str) -> str:
        """The question."""
        return self.template.replace(INSTRUCTION, instruction).replace(OBJECT, name)


@dataclass(frozen=True, kw_only=True)
class GroundingSpec:
    """What a bundle can ground: locations 0..steps of each side of a camera's model image, said as <loc_0>, <loc_1>,
    ...; by the names of GROUNDING_TASKS.
    """

    camera: str
    steps: int
    tasks: Mapping[str, GroundingTask]

    def __post_init__(self) -> None:
        wrong = [name for name in self.tasks if name not in GROUNDING_TASKS]
        if wrong or not self.tasks or self.steps < 1:
            raise ValueError(
                f"expected tasks among {', '.join(GROUNDING_TASKS)} and at least one step, found "
                f"{', '.join(self.tasks) or 'none'} and {self.steps}"
            )


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file of the bundle: SHA-256 in hexadecimal and size."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What training hands to the robot.

    Attributes:
        bodies: worlds or robots it was trained for. contract: what its actions mean.
        chunk_length: actions per inference. horizon: actions executed before the next one. latency_budget_s: an
            observation may be this much older than the chunk lasts when the gate receives an action, s.
        questions: whether the model is asked; False for the baseline. question_mode: what it is asked and how it
            answers, see `inspire_policy.question_modes`. max_questions: objects per instruction.
        known_objects: phrases it may be asked about, as spoken, lower case. max_characters: of an instruction.
        cameras: name -> geometry, in the order of the perception graph's inputs. proprioception: None if the model has
            none.
        expert: of program kind "expert"; None with the others. grounding: None where nothing was learned of it.
        codec: settings of the action codec ({"bins": 256}); its arrays are in codec.npz.
        files: name -> record, filled by `write_bundle`. parity: how and how closely the export was checked;
            "tolerance" is the largest difference of a chunk's numbers that configure accepts. training: where it comes
            from; for people.
    """

    name: str
    program: ProgramSpec
    bodies: tuple[str, ...]
    contract: ActionContract
    chunk_length: int
    horizon: int
    words: WordsSpec
    known_objects: tuple[str, ...]
    cameras: Mapping[str, ImageGeometry]
    perception: PerceptionSpec
    decoder: DecoderSpec
    proprioception: ProprioceptionSpec | None = None
    expert: ExpertSpec | None = None
    grounding: GroundingSpec | None = None
    latency_budget_s: float = 0.1
    questions: bool = True
    question_mode: str = "direction"
    max_questions: int = 4
    max_characters: int = MAX_CHARACTERS
    codec: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.chunk_length < 1 or not 1 <= self.horizon <= self.chunk_length:
            raise ValueError(f"expected 1 <= horizon <= chunk_length, found {self.horizon} and {self.chunk_length}")
        if not self.cameras:
            raise ValueError("expected at least one camera, found none")
        check_mode(self.question_mode)
        if self.question_mode != "direction" and self.expert is not None:
            raise ValueError(f"expected question_mode direction with an expert, found {self.question_mode}")
        if not self.bodies:
            raise ValueError("expected at least one body, found none")
        if self.grounding is not None and self.grounding.camera not in self.cameras:
            raise ValueError(
                f"expected grounding in a camera among {', '.join(self.cameras)}, found {self.grounding.camera!r}"
            )
        sampled = (self.program.kind == "expert", self.program.action_codec == "sampled", self.expert is not None)
        if len(set(sampled)) > 1:
            raise ValueError(
                "expected program kind expert, action_codec sampled and the field expert, or none of them, found "
                f"{self.program.kind}, {self.program.action_codec} and {'one' if self.expert else 'none'}"
            )

    @property
    def observation_age_limit_s(self) -> float:
        """The oldest observation that an action may come from, s: the chunk's duration and the latency budget."""
        return self.chunk_length / self.contract.control_rate_hz + self.latency_budget_s

    @property
    def listed_answers(self) -> tuple[str, ...]:
        """The answers, in the order of their probabilities; none in a mode whose answers have several words."""
        texts = answer_texts(self.question_mode, self.words.vocabulary)
        return () if any(" " in text for text in texts) else texts

    @property
    def required_files(self) -> tuple[str, ...]:
        """Names of the files without which the bundle cannot run."""
        arrays = ("codec.npz",)
        extra = {
            "continuous": ("head.onnx",),
            "sampled": ("expert.onnx",),
            "residual_vq": arrays,
            "edge_bins": arrays,
            "fast": arrays,
        }
        return ("tokenizer.json", "perception.onnx", "decoder.onnx", *extra.get(self.program.action_codec, ()))
