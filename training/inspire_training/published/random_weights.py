"""Run folders of the published layout with random weights.

Names and shapes come from timm and transformers themselves, never from the code that reads them, so that a folder
proves that code. The tokenizer is a small one with the true special tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn

from inspire_policy import directions
from inspire_training.model.libraries import Qwen2Config, Qwen2ForCausalLM, create_timm_model
from inspire_training.model.presets import PRESETS, BackboneConfig, FusedVitConfig, VitConfig
from inspire_training.published.architectures import BASE_OF
from inspire_training.published.settings import RandomRunSettings

WORDS = ("up", "right", "back", "left", "down", "front", "catch", "close")
TEXTS = (
    "system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "user\nIn which direction is the milk relative to the robot?",
    "assistant\nWhat action should the robot take to pick up the alphabet soup and place it in the basket?",
    "Task: put the butter in the tray, State: 12 255 0;\nQuestion: Answer: up;\nAction: |",
)


def write_random_run(settings: RandomRunSettings) -> Path:
    """Write the folder and return it. Raises ValueError on a preset without a published layout."""
    if settings.preset not in BASE_OF:
        raise ValueError(f"preset: expected one of {', '.join(BASE_OF)}, found {settings.preset!r}")
    torch.manual_seed(settings.seed)
    out, config = settings.out, PRESETS[settings.preset]
    (out / "checkpoints").mkdir(parents=True)
    assert isinstance(config.vision, FusedVitConfig)
    features = 0
    vision: dict[str, Tensor] = {}
    for vit in config.vision.vits:
        tower = _tower(vit, config.vision.size)
        features += tower.embed_dim
        vision |= {f"{vit.name}_featurizer.{name}": value for name, value in tower.state_dict().items()}
    width = config.backbone.width
    sizes = (features, 4 * features, width, width)
    projector = {
        f"projector.{2 * i}.{name}": value
        for i in range(3)
        for name, value in _random(nn.Linear(sizes[i], sizes[i + 1])).state_dict().items()
    }
    language = _random(Qwen2ForCausalLM(qwen_config(config.backbone)))
    groups = {
        "vision_backbone": vision,
        "projector": projector,
        "llm_backbone": {f"llm.{name}": value for name, value in language.state_dict().items()},
    }
    torch.save({"model": groups}, out / "checkpoints" / "step-050000-epoch-12-loss=0.1234.pt")
    action = {"q01": [-0.8] * 6 + [0.0], "q99": [0.7] * 6 + [1.0], "mask": [True] * 6 + [False]}
    _dump(out / "dataset_statistics.json", {settings.dataset: {"action": action, "num_transitions": 1}})
    vla: dict[str, Any] = {"base_vlm": BASE_OF[settings.preset], "action_tokenizer": settings.action_tokenizer}
    vla |= {"data_mix": settings.dataset, "image_sequence_len": 1, "use_wrist_image": False}
    _dump(out / "config.json", {"run_id": "random", "vla": vla})
    small_tokenizer().save(str(out / "tokenizer.json"))
    if "vq" in settings.action_tokenizer:
        _write_vq(out / "vq")
    return out


def qwen_config(backbone: BackboneConfig) -> Qwen2Config:
    """The configuration of the language model in the library's own terms."""
    return Qwen2Config(
        vocab_size=backbone.rows,
        hidden_size=backbone.width,
        intermediate_size=backbone.feed_forward,
        num_hidden_layers=backbone.layers,
        num_attention_heads=backbone.heads,
        num_key_value_heads=backbone.kv_heads,
        max_position_embeddings=backbone.max_positions,
        rope_parameters={"rope_type": "default", "rope_theta": backbone.rope_theta},
        tie_word_embeddings=True,
    )


def small_tokenizer() -> Tokenizer:
    """A byte-level tokenizer with Qwen2.5's special tokens, in which every answer word is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    lines = [*TEXTS, *WORDS, *(f" {word}" for word in WORDS), directions.question("bbq sauce")]
    tokenizer.train_from_iterator(lines * 4, trainer)
    tokenizer.add_special_tokens(
        [AddedToken(name, special=True, normalized=False) for name in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")]
    )
    return tokenizer


def _tower(vit: VitConfig, size: int) -> nn.Module:
    return _random(create_timm_model(vit.model, img_size=size, num_classes=0, **vit.options))


@torch.no_grad()
def _random(module: nn.Module) -> nn.Module:
    """Every weight random and of a size that lets every part show: layer scales near 1, biases not 0."""
    for name, value in module.named_parameters():
        if name.endswith("gamma") or ("norm" in name and name.endswith("weight")):
            value.uniform_(0.5, 1.5)
        elif value.ndim < 2:
            value.normal_(std=0.1)
        else:
            value.normal_(std=value.shape[-1] ** -0.5)
    return module


def _write_vq(folder: Path, rows: int = 8, width: int = 512, codes: int = 128, quantizers: int = 7) -> None:
    """The residual VQ's own names and shapes."""
    (folder / "checkpoints").mkdir(parents=True)
    numbers = 7 * rows
    parts: dict[str, dict[str, Tensor]] = {}
    for part, first, last in (("encoder", numbers, width), ("decoder", width, numbers)):
        mlp = nn.ModuleDict(
            {"encoder": nn.Sequential(nn.Linear(first, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())}
        )
        mlp["fc"] = nn.Linear(128, last)
        parts[part] = dict(_random(mlp).state_dict())
    books = dict(_books(quantizers, codes, width))
    sizes = {"input_dim_h": rows, "input_dim_w": 7, "n_latent_dims": width, "vqvae_n_embed": codes}
    _dump(folder / "config.json", {**sizes, "vqvae_groups": quantizers, "act_scale": 1})
    content = {**parts, "vq_embedding": books, "optimizer": {"state": {}, "param_groups": []}}
    torch.save(content, folder / "checkpoints" / "model.pt")


def _books(quantizers: int, codes: int, width: int) -> Iterator[tuple[str, Tensor]]:
    for index in range(quantizers):
        prefix = f"layers.{index}._codebook"
        yield f"{prefix}.initted", torch.tensor([True])
        yield f"{prefix}.cluster_size", torch.rand(1, codes)
        yield f"{prefix}.embed_avg", torch.randn(1, codes, width)
        yield f"{prefix}.embed", torch.randn(1, codes, width) / (index + 1)


def _dump(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n")
