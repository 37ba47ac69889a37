"""From a checkpoint to the manifest of its bundle: the one place where training fills in what the robot reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspire_policy.action import ActionContract
from inspire_policy.bundle import Bundle
from inspire_policy.images import ImageGeometry
from inspire_policy.manifest import DecoderSpec, Manifest, PerceptionSpec, ProgramSpec, ProprioceptionSpec, WordsSpec
from inspire_training.checkpoint import Checkpoint

LONGEST_QUESTION = 14  # tokens of a question about a two-word object, with its answer


def cache_length(checkpoint: Checkpoint) -> int:
    """Slots that the longest sequence needs, rounded up to a multiple of 16."""
    config, codec = checkpoint.config, checkpoint.codec()
    rows = config.perception_tokens + config.text_length + 2 + 1 + codec.queries + codec.codes
    rows += config.max_objects * LONGEST_QUESTION if config.questions else 0
    return -(-rows // 16) * 16


def manifest_of(checkpoint: Checkpoint, *, name: str, bodies: Sequence[str]) -> Manifest:
    """The manifest, without files and parity."""
    config, words = checkpoint.config, checkpoint.words
    style = checkpoint.style()
    backbone = config.backbone
    return Manifest(
        name=name,
        program=ProgramSpec(kind="autoregressive", sequence_style=style.kind, action_codec=config.codec),
        bodies=tuple(bodies),
        contract=ActionContract(),
        chunk_length=config.chunk_length,
        horizon=config.horizon,
        words=WordsSpec(
            axis_of=words.axis_of, frame=words.frame, token_ids={w: int(style.answer_id(w)) for w in words.words}
        ),
        known_objects=checkpoint.known_objects,
        cameras={c.name: ImageGeometry(c.width, c.height, c.crop, c.flip, c.filter) for c in config.cameras},
        perception=PerceptionSpec(
            tokens=config.perception_tokens, width=backbone.width, text_length=config.text_length
        ),
        decoder=DecoderSpec(
            layers=backbone.layers,
            kv_heads=backbone.kv_heads,
            head_dim=backbone.head_dim,
            cache_length=cache_length(checkpoint),
            prefix_attention=config.prefix_attention,
        ),
        proprioception=ProprioceptionSpec(
            mean=tuple(checkpoint.model.proprioception_mean.tolist()),
            std=tuple(checkpoint.model.proprioception_std.tolist()),
        ),
        questions=config.questions,
        max_questions=config.max_objects,
        codec={"bins": config.bins} if config.codec == "bins" else {},
        training=checkpoint.training,
    )


def bundle_in_memory(checkpoint: Checkpoint) -> Bundle:
    """What the runtime's programs need of a bundle, straight from a checkpoint; it has no files."""
    manifest = manifest_of(checkpoint, name="checkpoint", bodies=("checkpoint",))
    return Bundle(Path(), manifest, checkpoint.tokenizer, checkpoint.style(), checkpoint.codec())
