"""MiniVLA put together from plain timm and transformers parts, by the names in a published `.pt`: what ours must equal.

Also the published way to answer and act: the whole prompt and the image anew for every answer and every code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inspire_training.model.libraries import Qwen2ForCausalLM, create_timm_model
from inspire_training.model.presets import PolicyConfig
from inspire_training.published.random_weights import qwen_config

NORMALISATION = {
    "dino": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "siglip": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}


@dataclass
class PlainMiniVLA:
    """The parts; every key of the file is loaded strictly."""

    towers: dict[str, nn.Module]
    projector: nn.Module
    language: nn.Module

    def to(self, dtype: torch.dtype) -> PlainMiniVLA:
        for module in (*self.towers.values(), self.projector, self.language):
            module.to(dtype)
        return self

    def see(self, image: Tensor) -> Tensor:
        """Image embeddings (1, N, width) of uint8 (1, H, W, 3): blocks by hand, no final norm, prefix dropped."""
        features = []
        dtype = self.projector[0].weight.dtype
        for name, tower in self.towers.items():
            mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in NORMALISATION[name])
            pixels = image.permute(0, 3, 1, 2).float() / 255
            x = tower.patch_embed(((pixels - mean) / std).to(dtype))
            prefix = []
            if tower.cls_token is not None:
                prefix = [tower.cls_token, tower.reg_token]
            x = torch.cat([*prefix, x + tower.pos_embed], dim=1)
            for block in list(tower.blocks)[:-1]:
                x = block(x)
            features.append(x[:, sum(p.shape[1] for p in prefix) :])
        return self.projector(torch.cat(features, dim=-1))

    def logits(self, image: Tensor, text_ids: np.ndarray) -> Tensor:
        """Logits (T, V) of a prompt of text ids, the image's embeddings standing behind the first one."""
        text = self.language.get_input_embeddings()(torch.from_numpy(text_ids)[None])
        rows = torch.cat([text[:, :1], self.see(image), text[:, 1:]], dim=1)
        return self.language(inputs_embeds=rows, use_cache=False).logits[0]


def load_plain(weights: Path, config: PolicyConfig) -> PlainMiniVLA:
    """From a `.pt` of the published layout."""
    groups = torch.load(weights, weights_only=True)["model"]
    towers = {}
    for vit in config.vision.vits:
        tower = create_timm_model(vit.model, img_size=config.vision.size, num_classes=0, **vit.options)
        prefix = f"{vit.name}_featurizer."
        state = {k.removeprefix(prefix): v for k, v in groups["vision_backbone"].items() if k.startswith(prefix)}
        tower.load_state_dict(state, strict=True)
        towers[vit.name] = tower.eval()
    sizes = [groups["projector"][f"projector.{i}.weight"].shape for i in (0, 2, 4)]
    first, second, third = (nn.Linear(inputs, outputs) for outputs, inputs in sizes)
    projector = nn.Sequential(first, nn.GELU(), second, nn.GELU(), third)
    projector.load_state_dict({k.removeprefix("projector."): v for k, v in groups["projector"].items()})
    language = Qwen2ForCausalLM(qwen_config(config.backbone))
    language.load_state_dict({k.removeprefix("llm."): v for k, v in groups["llm_backbone"].items()}, strict=True)
    return PlainMiniVLA(towers, projector, language.eval())


@torch.no_grad()
def published_procedure(
    plain: PlainMiniVLA, style: object, image: Tensor, instruction: str, objects: tuple[str, ...], words: list[str]
) -> tuple[tuple[str, ...], list[int], int]:
    """Answers, action codes, and vision passes of the published procedure."""
    rows = style.perception_tokens
    drop = np.r_[0, rows + 1 : 10**6]
    prompt = style.prefix_ids(instruction)
    prompt = prompt[drop[drop < len(prompt)]]
    word_ids = [style.answer_id(word) for word in words]
    answers, passes = [], 0

    def choose(allowed: list[int]) -> int:
        masked = torch.full((plain.language.config.vocab_size,), -torch.inf)
        logits = plain.logits(image, prompt)[-1].float()
        masked[allowed] = logits[allowed]
        return int(masked.argmax())

    for name in objects:
        prompt = np.concatenate([prompt, style.question_ids(name)])
        token = choose(word_ids)
        passes += 1
        answers.append(words[word_ids.index(token)])
        prompt = np.concatenate([prompt, [token], style.answer_end_ids()])
    prompt = np.concatenate([prompt, style.action_ids(instruction, 0)])
    code_ids = style.code_ids(128).tolist()
    codes = []
    for _ in range(7):
        token = choose(code_ids)
        codes.append(code_ids.index(token))
        prompt = np.concatenate([prompt, [token]])
    return tuple(answers), codes, passes + 1
