"""Which preset a published configuration means, and which action codec."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from inspire_training.model.presets import PRESETS, CameraConfig, PolicyConfig

PRESET_OF = {"prism-qwen25-extra-dinosiglip-224px+0_5b": "minivla-1b", "minivla-test": "minivla-test"}
BASE_OF = {preset: base for base, preset in PRESET_OF.items()}
VQ_STEPS_KEPT = 1  # of a chunk of 8 the last one is not executed, as published


def is_vq(action_tokenizer: str) -> bool:
    """Whether the configuration's action tokenizer is a residual VQ; all others are bins."""
    return "vq" in action_tokenizer


def configuration(vla: Mapping[str, Any], *, preset: str, chunk_length: int, questions: bool) -> PolicyConfig:
    """The configuration of a published model.

    Args:
        vla: of its config.json. preset: "" to find it by base_vlm. chunk_length: of its VQ; unused with bins.

    Raises:
        ValueError: an architecture that no preset has.
    """
    base = str(vla.get("base_vlm", ""))
    name = preset or PRESET_OF.get(base.rpartition("/")[2], "")
    if name not in PRESET_OF.values():
        raise ValueError(
            f"config.json: expected vla.base_vlm one of {', '.join(PRESET_OF)}, found {base!r}; if it has one of these "
            f"architectures, name it with --preset ({', '.join(PRESET_OF.values())})"
        )
    config = PRESETS[name]
    images = int(vla.get("image_sequence_len", 1))
    names = ["agentview", "wrist"] if vla.get("use_wrist_image") else ["agentview"]
    if images != len(names):
        raise ValueError(
            f"config.json: expected one image per camera ({len(names)}: {', '.join(names)}), found image_sequence_len "
            f"{images}; models that look at past images are not supported"
        )
    cameras = tuple(CameraConfig(**{**dataclasses.asdict(config.cameras[0]), "name": camera}) for camera in names)
    config = dataclasses.replace(config, cameras=cameras, questions=questions)
    if is_vq(str(vla.get("action_tokenizer", ""))):
        horizon = max(1, chunk_length - VQ_STEPS_KEPT)
        return dataclasses.replace(config, codec="residual_vq", chunk_length=chunk_length, horizon=horizon)
    return dataclasses.replace(config, codec="edge_bins", chunk_length=1, horizon=1)
