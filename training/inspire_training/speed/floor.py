"""The least that a tick can take: bytes and arithmetic of this model, over what this device is measured to do.

Each run of a graph reads its weights once and does its matrix products; it cannot be faster than the slower of the two.
The embedding table counts for the rows that are read, not as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inspire_policy.engines.fixed_rows import DECODER
from inspire_training.bundling import cache_length, said_ids
from inspire_training.checkpoint import Checkpoint
from inspire_training.graphs import DecoderGraph, HeadGraph, PerceptionGraph
from inspire_training.scale.utilisation import measured_rate
from inspire_training.speed.stages import DECODE, PREFILL, TICK, VISION

COPIED = {"cuda": 2**30, "cpu": 2**27}  # bytes, far more than any cache


@dataclass(frozen=True)
class Device:
    """What a device does, measured here: bytes read and written per s, FLOP per s of matrix products."""

    bandwidth: float
    rate: float

    @classmethod
    def measured(cls, device: torch.device, precision: str) -> Device:
        """precision: "no", "bf16" or "fp16"."""
        return cls(copy_bandwidth(device), measured_rate(device, precision))

    def seconds(self, read: float, arithmetic: float) -> float:
        """The time of so many bytes and FLOP."""
        return max(read / self.bandwidth, arithmetic / self.rate)


def copy_bandwidth(device: torch.device) -> float:
    """Bytes per s, read and written, of a large copy; the best of several."""
    source = torch.zeros(COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    wait: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    best = float("inf")
    for _ in range(6):
        wait()
        begin = time.perf_counter()
        target.copy_(source)
        wait()
        best = min(best, time.perf_counter() - begin)
    return 2 * source.nbytes / best


class Floor:
    """The floor of runs of a checkpoint's graphs on a device."""

    def __init__(self, checkpoint: Checkpoint, device: Device, bytes_per_weight: int) -> None:
        policy = checkpoint.model
        self._graphs: dict[str, PerceptionGraph | DecoderGraph | HeadGraph] = {
            "perception": PerceptionGraph(policy),
            DECODER: DecoderGraph(policy, cache_length(checkpoint), said_ids(checkpoint)),
        }
        if policy.head is not None:
            self._graphs["head"] = HeadGraph(policy)
        parts: dict[str, nn.Module | None] = {
            "perception": policy.perception, DECODER: policy.backbone, "head": policy.head
        }  # fmt: skip
        said = len(said_ids(checkpoint)) * checkpoint.config.backbone.width
        self._read = {
            name: bytes_per_weight * (weights_read(part) + (said if name == DECODER else 0))
            for name, part in parts.items()
            if part is not None
        }
        self._device = device
        self._arithmetic: dict[tuple[str, int], int] = {}

    def of(self, runs: Iterable[tuple[str, int]]) -> dict[str, float]:
        """Stage -> s of (graph, rows); the decoder's first run is the prefill."""
        stages = {VISION: 0.0, PREFILL: 0.0, DECODE: 0.0}
        for graph, rows in runs:
            stage = VISION if graph == "perception" else DECODE
            if graph == DECODER and not stages[PREFILL]:
                stage = PREFILL
            stages[stage] += self._device.seconds(self._read[graph], self.arithmetic(graph, rows))
        return {**stages, TICK: sum(stages.values())}

    @torch.inference_mode()
    def arithmetic(self, graph: str, rows: int) -> int:
        """FLOP of the matrix products, convolutions and attention of a run."""
        if (graph, rows) not in self._arithmetic:
            module = self._graphs[graph]
            example = module.inputs(rows) if isinstance(module, DecoderGraph) else module.inputs()
            weight = next(module.parameters())
            with FlopCounterMode(display=False) as counted:
                module(*(v.to(weight) if v.is_floating_point() else v.to(weight.device) for v in example.values()))
            self._arithmetic[graph, rows] = counted.get_total_flops()
        return self._arithmetic[graph, rows]


def weights_read(module: nn.Module) -> int:
    """Numbers of a part that a run reads: all but tables of embeddings."""
    tables = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    return sum(p.numel() for p in module.parameters() if id(p) not in tables)
