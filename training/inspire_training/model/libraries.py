"""transformers and timm, imported beside any build of torchvision.

Both import torchvision where it is installed, and a torchvision made for another build of torch (the package index has
the one for CUDA, beside a torch for CPUs) cannot load its operators and ends with "operator torchvision::nms does not
exist". Neither library needs those operators here: their names are defined without a kernel, which is enough for
torchvision to be imported. Whoever needs transformers or timm imports them through this module.
"""

from __future__ import annotations

import importlib
import importlib.util

import torch

_OPERATORS = ("nms", "qnms")
_SCHEMA = "{}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept: list[torch.library.Library] = []  # a library that is forgotten takes its operators along


def _make_torchvision_importable() -> None:
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in _OPERATORS:
            library.define(_SCHEMA.format(name))
        _kept.append(library)
        importlib.import_module("torchvision")


_make_torchvision_importable()

from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Model  # noqa: E402
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb  # noqa: E402

__all__ = [
    "Qwen2Config",
    "Qwen2ForCausalLM",
    "Qwen2Model",
    "apply_rotary_pos_emb",
    "create_decoder",
    "create_timm_model",
]


def create_timm_model(name: str, **options: object) -> torch.nn.Module:
    """A model of timm by its name, with random weights: nothing is ever downloaded.

    Raises ModuleNotFoundError when timm is not installed.
    """
    import timm

    return timm.create_model(name, pretrained=False, **options)


def create_decoder(architecture: str, **settings: object) -> torch.nn.Module:
    """A decoder of transformers by its architecture's name, without a head and with random weights.

    Raises KeyError, TypeError or ValueError for one that there is not, or that takes other settings.
    """
    from transformers import AutoConfig, AutoModel

    return AutoModel.from_config(AutoConfig.for_model(architecture, **settings))
