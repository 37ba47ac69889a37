"""The published folder of a residual VQ: config.json and checkpoints/model.pt, to and from the arrays of codec.npz.

The codec reads codebooks and MLPs; the running means of the codebooks are kept beside them, under the prefix `KEPT`, so
that the folder can be written back as it was, but for the optimiser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inspire_policy.action import LEAD_SIZE
from inspire_training.checkpoint import KEPT
from inspire_training.published.layout import compare
from inspire_training.published.run_folder import load_pt, read_json

HIDDEN = 128
MEANS = ("initted", "cluster_size", "embed_avg")
_LAYERS = ("encoder.0", "encoder.2", "fc")
_MEND = "take the VQ folder that the checkpoint was trained with, or download it again"


def sizes_of(config: Mapping[str, Any]) -> tuple[int, int, int, int, int]:
    """(rows, numbers per row, width, codes, quantizers) of a config.json. Raises ValueError."""
    names = ("input_dim_h", "input_dim_w", "n_latent_dims", "vqvae_n_embed", "vqvae_groups")
    missing = [name for name in names if not isinstance(config.get(name), int)]
    if missing:
        raise ValueError(f"VQ config.json: expected whole numbers for {', '.join(names)}, found none for {missing}")
    rows, numbers, width, codes, quantizers = (int(config[name]) for name in names)
    if numbers != LEAD_SIZE:
        raise ValueError(f"VQ config.json: expected input_dim_w {LEAD_SIZE}, found {numbers}; {_MEND}")
    return rows, numbers, width, codes, quantizers


def read_vq(folder: Path) -> tuple[int, dict[str, np.ndarray], dict[str, Any]]:
    """Chunk length, arrays of codec.npz, and config.json of a VQ folder.

    Raises FileNotFoundError or ValueError, LayoutError with every array that does not fit the configuration.
    """
    config = read_json(folder / "config.json")
    content = load_pt(folder / "checkpoints" / "model.pt")
    parts = {name: content.get(name, {}) for name in ("encoder", "decoder", "vq_embedding")}
    found = {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    rows, numbers, width, codes, quantizers = sizes_of(config)
    expected = _expected(rows * numbers, width, codes, quantizers)
    for index in range(quantizers):  # a flag, whose shape differs between versions of the library
        flag = _book(index, "initted")
        if flag in found:
            expected[flag] = tuple(found[flag].shape)
    compare(f"VQ in {folder}", expected, {name: tuple(t.shape) for name, t in found.items()}, _MEND)
    arrays = {"codebooks": np.concatenate([_array(found[_book(i, "embed")]) for i in range(quantizers)])}
    for part in ("encoder", "decoder"):
        for index, layer in enumerate(_LAYERS):
            arrays[f"{part}_weight_{index}"] = _array(found[f"{part}/{layer}.weight"])
            arrays[f"{part}_bias_{index}"] = _array(found[f"{part}/{layer}.bias"])
    for name in MEANS:
        arrays[KEPT + name] = np.stack([_array(found[_book(i, name)]) for i in range(quantizers)])
    if float(config.get("act_scale", 1)) != 1.0:
        arrays["scale"] = np.array(float(config["act_scale"]))
    return rows, arrays, config


def write_vq(folder: Path, arrays: Mapping[str, np.ndarray], config: Mapping[str, Any], chunk_length: int) -> None:
    """Write a VQ folder of codec arrays; `config` is the one it was read with, or empty."""
    quantizers, codes, width = arrays["codebooks"].shape
    parts: dict[str, dict[str, Tensor]] = {"encoder": {}, "decoder": {}, "vq_embedding": {}}
    for part in ("encoder", "decoder"):
        for index, layer in enumerate(_LAYERS):
            parts[part][f"{layer}.weight"] = _tensor(arrays[f"{part}_weight_{index}"])
            parts[part][f"{layer}.bias"] = _tensor(arrays[f"{part}_bias_{index}"])
    counts = np.ones((quantizers, 1, codes), dtype=np.float32)
    means = {
        "initted": np.ones((quantizers, 1), dtype=np.float32),
        "cluster_size": counts,
        "embed_avg": arrays["codebooks"][:, None],
    }
    for index in range(quantizers):
        for name, default in means.items():
            value = arrays.get(KEPT + name, default)[index]
            parts["vq_embedding"][_book(index, name).partition("/")[2]] = _tensor(value)
        parts["vq_embedding"][_book(index, "embed").partition("/")[2]] = _tensor(arrays["codebooks"][index][None])
    sizes = {"input_dim_h": chunk_length, "input_dim_w": LEAD_SIZE, "n_latent_dims": width, "vqvae_n_embed": codes}
    sizes |= {"vqvae_groups": quantizers}
    (folder / "checkpoints").mkdir(parents=True)
    scale = {"act_scale": float(arrays.get("scale", 1.0))}
    (folder / "config.json").write_text(json.dumps(dict(config) or {**sizes, **scale}, indent=2) + "\n")
    torch.save({**parts, "optimizer": {"state": {}, "param_groups": []}}, folder / "checkpoints" / "model.pt")


def _expected(numbers: int, width: int, codes: int, quantizers: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for part, first, last in (("encoder", numbers, width), ("decoder", width, numbers)):
        for layer, inputs, outputs in zip(_LAYERS, (first, HIDDEN, HIDDEN), (HIDDEN, HIDDEN, last)):
            shapes[f"{part}/{layer}.weight"] = (outputs, inputs)
            shapes[f"{part}/{layer}.bias"] = (outputs,)
    for index in range(quantizers):
        shapes[_book(index, "initted")] = (1,)
        shapes[_book(index, "cluster_size")] = (1, codes)
        shapes[_book(index, "embed_avg")] = (1, codes, width)
        shapes[_book(index, "embed")] = (1, codes, width)
    return shapes


def _book(index: int, name: str) -> str:
    return f"vq_embedding/layers.{index}._codebook.{name}"


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().clone().numpy()


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))
