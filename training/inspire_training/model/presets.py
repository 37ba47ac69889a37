"""Configurations of the policy. A preset is a frozen configuration, never a branch in the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CameraConfig:
    """One camera and the geometry that turns its image into the model's (see `inspire_policy.images.ImageGeometry`)."""

    name: str
    width: int = 96
    height: int = 96
    crop: float = 1.0
    flip: str = "none"
    filter: str = "area"


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """A convolutional tower per camera, conditioned on the instruction.

    Attributes:
        channels: of the stem (stride 4) and of the residual blocks behind it; every block but the first halves the map.
        grid: side of the grid of tokens. keypoints: spatial-softmax keypoints. text_width: of the instruction
            embedding.
    """

    channels: tuple[int, ...] = (40, 40, 80, 128)
    grid: int = 4
    keypoints: int = 32
    text_width: int = 64


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """A Qwen2 decoder, from scratch."""

    width: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 2
    feed_forward: int = 384

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True, kw_only=True)
class PolicyConfig:
    """Everything that the weights do not hold.

    Attributes:
        text_length: tokens of the padded instruction. codec: "continuous", "bins" or "residual_vq".
        questions: whether the directions are asked before the action. max_objects: objects of an instruction.
        offset_scale: metres that the offset heads call 1. horizon: steps of a chunk that are executed.
    """

    preset: str = "tabletop"
    cameras: tuple[CameraConfig, ...] = (CameraConfig(name="agentview"), CameraConfig(name="wrist"))
    vision: VisionConfig = field(default_factory=VisionConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    codec: str = "continuous"
    bins: int = 256
    chunk_length: int = 8
    horizon: int = 4
    questions: bool = True
    max_objects: int = 4
    text_length: int = 32
    prefix_attention: str = "bidirectional"
    offset_scale: float = 0.3

    @property
    def perception_tokens(self) -> int:
        """Grid tokens and one keypoint token per camera, and one token of proprioception."""
        return len(self.cameras) * (self.vision.grid**2 + 1) + 1

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PolicyConfig:
        """The inverse of `to_json`. Raises TypeError on an unknown field."""
        values = dict(data)
        values["cameras"] = tuple(CameraConfig(**c) for c in values["cameras"])
        vision = dict(values["vision"])
        vision["channels"] = tuple(vision["channels"])
        values["vision"] = VisionConfig(**vision)
        values["backbone"] = BackboneConfig(**values["backbone"])
        return cls(**values)


PRESETS: dict[str, PolicyConfig] = {"tabletop": PolicyConfig()}
