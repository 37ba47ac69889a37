"""Configurations of the policy. A preset is a frozen configuration, never a branch in the code: each part is named by
its `kind` and made by the registry of its module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from inspire_policy.images import ImageGeometry
from inspire_training.expert.config import ExpertConfig


@dataclass(frozen=True, kw_only=True)
class CameraConfig:
    """One camera and the geometry that turns its image into the model's (see `inspire_policy.images.ImageGeometry`)."""

    name: str
    width: int = 96
    height: int = 96
    crop: float = 1.0
    flip: str = "none"
    filter: str = "area"
    resize_first: bool = False
    crop_filter: str = "pillow_bilinear"

    @property
    def geometry(self) -> ImageGeometry:
        """Without the name."""
        return ImageGeometry(**{key: value for key, value in asdict(self).items() if key != "name"})


@dataclass(frozen=True, kw_only=True)
class FilmVisionConfig:
    """A convolutional tower per camera, conditioned on the instruction.

    Attributes:
        channels: of the stem (stride 4) and of the residual blocks behind it; every block but the first halves the map.
        grid: side of the grid of tokens. keypoints: spatial-softmax keypoints, told in `keypoint_tokens` tokens, their
            places also by sines and cosines of so many doubling frequencies (`keypoint_bands`). text_width: of the
            instruction embedding.
    """

    kind: str = "film"
    channels: tuple[int, ...] = (40, 40, 80, 128)
    grid: int = 4
    keypoints: int = 32
    keypoint_tokens: int = 1
    keypoint_bands: int = 0
    text_width: int = 64

    @property
    def tokens(self) -> int:
        """Of one camera: the grid and the tokens of keypoints."""
        return self.grid**2 + self.keypoint_tokens

    @property
    def conditioned(self) -> bool:
        """Whether it is told the instruction."""
        return True


@dataclass(frozen=True, kw_only=True)
class VitConfig:
    """One vision transformer of timm and how its input is normalised.

    Attributes:
        name: of its weights in a checkpoint. model: timm's name. options: what differs from timm's architecture.
    """

    name: str
    model: str
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FusedVitConfig:
    """Vision transformers side by side, shared by all cameras; their features are concatenated per patch.

    Attributes:
        size: side of the image, px. patch: side of a patch, px.
    """

    kind: str = "fused_vit"
    size: int = 224
    patch: int = 14
    vits: tuple[VitConfig, ...] = ()

    @property
    def tokens(self) -> int:
        """Of one camera: one per patch."""
        return (self.size // self.patch) ** 2

    @property
    def conditioned(self) -> bool:
        """Whether it is told the instruction."""
        return False


VisionConfig = FilmVisionConfig | FusedVitConfig


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """A decoder: kind "qwen2", or "causal_lm" for any other one of transformers.

    Attributes:
        architecture, options: of kind "causal_lm", its name in transformers and further settings of its configuration.
        rows: of the embedding table; 0: as many as the tokenizer has tokens. rope_theta: 0 for the library's default.
    """

    kind: str = "qwen2"
    width: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 2
    feed_forward: int = 384
    rows: int = 0
    rope_theta: float = 0.0
    max_positions: int = 512
    architecture: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True, kw_only=True)
class PolicyConfig:
    """Everything that the weights do not hold.

    Attributes:
        projector: "identity", or "mlp" from the features of the vision to the language model's width.
        proprioception: whether a token tells what the arm feels. places: whether perception tokens get an embedding of
            their place. auxiliary: whether offsets are regressed beside answers and actions.
        style: sequence style, with its settings. codec: action codec.
        text_length: tokens of the longest instruction. question_tokens: of the longest question with its answer.
        questions: whether the directions are asked before the action. question_mode: what is asked, see
            `inspire_policy.question_modes`. max_objects: objects of an instruction.
        offset_scale: metres that the offset heads call 1. horizon: steps of a chunk that are executed.
        expert: what samples the chunks of codec "sampled"; None with the other codecs.
    """

    preset: str = "tabletop"
    cameras: tuple[CameraConfig, ...] = (CameraConfig(name="agentview"), CameraConfig(name="wrist"))
    vision: VisionConfig = field(default_factory=FilmVisionConfig)
    projector: str = "identity"
    proprioception: bool = True
    places: bool = True
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    style: str = "compact"
    style_settings: Mapping[str, Any] = field(default_factory=dict)
    codec: str = "continuous"
    bins: int = 256
    chunk_length: int = 8
    horizon: int = 4
    questions: bool = True
    question_mode: str = "direction"
    max_objects: int = 4
    text_length: int = 32
    question_tokens: int = 14
    prefix_attention: str = "bidirectional"
    auxiliary: bool = True
    offset_scale: float = 0.3
    expert: ExpertConfig | None = None

    @property
    def perception_tokens(self) -> int:
        """Of all cameras, and one of proprioception."""
        return len(self.cameras) * self.vision.tokens + int(self.proprioception)

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PolicyConfig:
        """The inverse of `to_json`; what an older file does not name is as it was then, the default.

        Raises TypeError on an unknown field, ValueError on an unknown kind of vision.
        """
        values = dict(data)
        values["cameras"] = tuple(CameraConfig(**c) for c in values["cameras"])
        values["vision"] = _vision(values["vision"])
        values["backbone"] = BackboneConfig(**values["backbone"])
        if values.get("expert") is not None:
            values["expert"] = ExpertConfig.from_json(values["expert"])
        return cls(**values)


def _vision(data: Mapping[str, Any]) -> VisionConfig:
    kind = data.get("kind", "film")
    if kind == "film":
        return FilmVisionConfig(**{**data, "channels": tuple(data["channels"])})
    if kind == "fused_vit":
        vits = (VitConfig(**{**vit, "mean": tuple(vit["mean"]), "std": tuple(vit["std"])}) for vit in data["vits"])
        return FusedVitConfig(**{**data, "vits": tuple(vits)})
    raise ValueError(f"vision: expected kind film or fused_vit, found {kind!r}; update inspire_training")


def _dino(model: str, **options: Any) -> VitConfig:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return VitConfig(name="dino", model=model, mean=mean, std=std, options=options)


def _published_camera(side: int) -> CameraConfig:
    """The published evaluation's view of an upright image: resized as a whole, then cropped and brought back."""
    return CameraConfig(name="agentview", width=side, height=side, crop=0.9, filter="pillow_lanczos", resize_first=True)


_MINIVLA: dict[str, Any] = {
    "projector": "mlp",
    "proprioception": False,
    "places": False,
    "style": "minivla",
    "codec": "residual_vq",
    "chunk_length": 8,
    "horizon": 7,
    "text_length": 48,
    "question_tokens": 44,
    "prefix_attention": "causal",
    "auxiliary": False,
}
_TINY: dict[str, Any] = {"depth": 3, "num_heads": 2}

PRESETS: dict[str, PolicyConfig] = {
    "tabletop": PolicyConfig(),
    # Tells a keypoint's place so finely that locations to a pixel are read from it: for grounding (stage 1) and after.
    "tabletop-grounded": PolicyConfig(
        preset="tabletop-grounded",
        vision=FilmVisionConfig(keypoint_tokens=8, keypoint_bands=5),
        text_length=48,
    ),
    # The structure of "tabletop", small enough for tests.
    "tabletop-test": PolicyConfig(
        preset="tabletop-test",
        vision=FilmVisionConfig(channels=(8, 8, 16, 16), keypoints=8, text_width=16),
        backbone=BackboneConfig(width=48, layers=2, heads=3, kv_heads=1, feed_forward=96),
    ),
    # The architecture of the published MiniVLA checkpoints, 1.25 B parameters.
    "minivla-1b": PolicyConfig(
        preset="minivla-1b",
        cameras=(_published_camera(224),),
        vision=FusedVitConfig(
            vits=(
                _dino("vit_large_patch14_reg4_dinov2.lvd142m"),
                VitConfig(name="siglip", model="vit_so400m_patch14_siglip_224"),
            )
        ),
        backbone=BackboneConfig(
            width=896,
            layers=24,
            heads=14,
            kv_heads=2,
            feed_forward=4864,
            rows=151936,
            rope_theta=1_000_000.0,
            max_positions=32768,
        ),
        **_MINIVLA,
    ),
    # The same structure, small enough for tests.
    "minivla-test": PolicyConfig(
        preset="minivla-test",
        cameras=(_published_camera(56),),
        vision=FusedVitConfig(
            size=56,
            vits=(
                _dino("vit_large_patch14_reg4_dinov2.lvd142m", embed_dim=32, **_TINY),
                VitConfig(name="siglip", model="vit_so400m_patch14_siglip_224", options={"embed_dim": 48, **_TINY}),
            ),
        ),
        backbone=BackboneConfig(
            width=64, layers=3, heads=4, kv_heads=2, feed_forward=96, rows=1024, rope_theta=1_000_000.0
        ),
        **_MINIVLA,
    ),
}
