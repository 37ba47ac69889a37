"""From a checkpoint to the manifest of its bundle: the one place where training fills in what the robot reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspire_policy.action import ActionContract
from inspire_policy.answers import AnswerVocabulary
from inspire_policy.bundle import Bundle
from inspire_policy.manifest import (
    INSTRUCTION,
    OBJECT,
    DecoderSpec,
    ExpertSpec,
    GroundingSpec,
    GroundingTask,
    Manifest,
    PerceptionSpec,
    ProgramSpec,
    ProprioceptionSpec,
    WordsSpec,
)
from inspire_policy.sequences.registry import make_style
from inspire_policy.tokens import token_id
from inspire_training.checkpoint import Checkpoint
from inspire_training.expert.prompts import told
from inspire_training.grounding.prompt import TaskName, box_prompt, point_prompt, trace_prompt
from inspire_training.grounding.tasks import expected_rows
from inspire_training.grounding.vocabulary import location_steps


def cache_length(checkpoint: Checkpoint) -> int:
    """Slots that the longest sequence needs, rounded up to a multiple of 16."""
    config, codec, style = checkpoint.config, checkpoint.codec(), checkpoint.style()
    rows = prefix_rows(checkpoint) + len(style.action_ids("", codec.queries)) + codec.codes
    rows += config.max_objects * question_rows(checkpoint) if config.questions else 0
    if grounding := grounding_of(checkpoint):  # its questions are as long as what the vision may be told
        longest = max(task.rows * task.columns for task in grounding.tasks.values())
        rows = max(rows, len(style.prefix_ids("")) + config.text_length + longest)
    return -(-rows // 16) * 16


def question_rows(checkpoint: Checkpoint) -> int:
    """Rows of the longest question with its answer: as configured for directions, more where a mode needs more."""
    style = checkpoint.style()
    plain = make_style(
        style.kind,
        checkpoint.tokenizer,
        perception_tokens=0,
        prefix_attention=style.prefix_attention,
        settings=checkpoint.config.style_settings,
    )
    longer = len(style.question_ids("milk")) - len(plain.question_ids("milk"))
    return checkpoint.config.question_tokens + longer + AnswerVocabulary(style, checkpoint.words).longest - 1


def prefix_rows(checkpoint: Checkpoint) -> int:
    """Rows of the longest prefix."""
    expert = checkpoint.config.expert
    nothing = "" if expert is None else told(expert.template, "")
    return len(checkpoint.style().prefix_ids(nothing)) + checkpoint.config.text_length


def said_ids(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Token ids that the policy can answer with: answers, action codes, locations; the logits' columns."""
    style, tokenizer = checkpoint.style(), checkpoint.tokenizer
    said = {number for ids in AnswerVocabulary(style, checkpoint.words).ids for number in ids}
    said.update(style.code_ids(checkpoint.codec().code_values).tolist())
    if grounding := grounding_of(checkpoint):
        said.update(token_id(tokenizer, f"<loc_{i}>") for i in range(grounding.steps + 1))
    return tuple(sorted(said))


def context_rows(checkpoint: Checkpoint) -> int:
    """Rows whose states an expert reads at most, rounded up to a multiple of 16."""
    return -(-(prefix_rows(checkpoint) + checkpoint.config.max_objects) // 16) * 16


def grounding_of(checkpoint: Checkpoint) -> GroundingSpec | None:
    """What a checkpoint that learned grounding questions beside its actions can be asked."""
    asked = checkpoint.training.get("grounding", {}).get("tasks", ())
    texts = {
        "box": box_prompt(OBJECT).prompt,
        "point": point_prompt(OBJECT).prompt,
        "trace": trace_prompt(INSTRUCTION).prompt,
    }
    sizes: dict[TaskName, tuple[int, int]] = {name: expected_rows(name) for name in ("box", "point", "trace")}
    tasks: dict[str, GroundingTask] = {
        name: GroundingTask(template=texts[name], rows=rows, columns=columns)
        for name, (rows, columns) in sizes.items()
        if name in asked
    }
    if not tasks:
        return None
    return GroundingSpec(
        camera=checkpoint.config.cameras[0].name, steps=location_steps(checkpoint.tokenizer), tasks=tasks
    )


def manifest_of(checkpoint: Checkpoint, *, name: str, bodies: Sequence[str]) -> Manifest:
    """The manifest, without files and parity."""
    config, words = checkpoint.config, checkpoint.words
    style = checkpoint.style()
    backbone = config.backbone
    return Manifest(
        name=name,
        program=ProgramSpec(
            kind="autoregressive" if config.expert is None else "expert",
            sequence_style=style.kind,
            action_codec=config.codec,
            style_settings=config.style_settings,
        ),
        bodies=tuple(bodies),
        contract=ActionContract(),
        chunk_length=config.chunk_length,
        horizon=config.horizon,
        words=WordsSpec(
            axis_of=words.axis_of, frame=words.frame, token_ids={w: int(style.answer_id(w)) for w in words.words}
        ),
        known_objects=checkpoint.known_objects,
        cameras={c.name: c.geometry for c in config.cameras},
        perception=PerceptionSpec(
            tokens=config.perception_tokens,
            width=backbone.width,
            text_length=config.text_length if config.vision.conditioned else 0,
        ),
        decoder=DecoderSpec(
            layers=backbone.layers,
            kv_heads=backbone.kv_heads,
            head_dim=backbone.head_dim,
            cache_length=cache_length(checkpoint),
            prefix_attention=config.prefix_attention,
            said=said_ids(checkpoint),
        ),
        proprioception=_proprioception(checkpoint),
        expert=_expert(checkpoint),
        grounding=grounding_of(checkpoint),
        questions=config.questions,
        question_mode=config.question_mode,
        max_questions=config.max_objects,
        codec={"bins": config.bins} if config.codec in ("bins", "edge_bins") else {},
        training=checkpoint.training,
    )


def _proprioception(checkpoint: Checkpoint) -> ProprioceptionSpec | None:
    token = checkpoint.model.perception.proprioception
    return ProprioceptionSpec(mean=tuple(token.mean.tolist()), std=tuple(token.std.tolist())) if token else None


def _expert(checkpoint: Checkpoint) -> ExpertSpec | None:
    expert = checkpoint.config.expert
    if expert is None:
        return None
    return ExpertSpec(
        layers=len(expert.language_layers),
        context_rows=context_rows(checkpoint),
        template=expert.template,
        reads_answers=expert.answers > 0 and checkpoint.config.questions,
        sampling={"objective": expert.objective, "steps": expert.steps, "guidance": expert.guidance},
    )


def bundle_in_memory(checkpoint: Checkpoint) -> Bundle:
    """What the runtime's programs need of a bundle, straight from a checkpoint; it has no files."""
    manifest = manifest_of(checkpoint, name="checkpoint", bodies=("checkpoint",))
    return Bundle(Path(), manifest, checkpoint.tokenizer, checkpoint.style(), checkpoint.codec())
