"""A policy in this process, in torch: the robot's own program over an engine that runs the checkpoint instead of
ONNX files.

Answers, banned words, cache and chunks are therefore the runtime's by construction. Used for DAgger and for parity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from inspire_policy.engines.protocol import Engine
from inspire_policy.programs.autoregressive import AutoregressiveProgram
from inspire_policy.programs.expert import ExpertProgram
from inspire_training.bundling import bundle_in_memory, cache_length, context_rows, said_ids
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.graphs import DecoderGraph, ExpertGraph, HeadGraph, PerceptionGraph


class TorchEngine:
    """`inspire_policy.engines.protocol.Engine` over the modules of a policy."""

    name = "torch"

    def __init__(self, checkpoint: Checkpoint) -> None:
        policy = checkpoint.model.eval()
        self._graphs: dict[str, tuple[Callable, tuple[str, ...], tuple[str, ...]]] = {}
        perception = PerceptionGraph(policy)
        decoder = DecoderGraph(policy, cache_length(checkpoint), said_ids(checkpoint))
        self._graphs["perception"] = (perception, tuple(perception.inputs()), ("embeddings",))
        self._graphs["decoder"] = (decoder, tuple(decoder.inputs()), decoder.outputs())
        if policy.expert is not None:
            expert = ExpertGraph(policy, context_rows(checkpoint))
            self._graphs["expert"] = (expert, tuple(expert.inputs()), ("chunk",))
        if policy.head is not None:
            self._graphs["head"] = (HeadGraph(policy), ("hidden",), ("chunk",))

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return self._graphs[graph][1]

    @torch.inference_mode()
    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name."""
        module, names, outputs = self._graphs[graph]
        result = module(*(torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in names))
        values = result if isinstance(result, tuple) else (result,)
        return {name: value.numpy() for name, value in zip(outputs, values)}


class TorchPolicy(AutoregressiveProgram):
    """A checkpoint that answers and acts.

    Attributes:
        horizon: steps of a chunk to execute before the next tick.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine | None = None) -> None:
        """engine: what runs the checkpoint, eager PyTorch on the CPU where none is given."""
        super().__init__(bundle_in_memory(checkpoint), engine or TorchEngine(checkpoint))
        self.horizon = checkpoint.config.horizon


class TorchExpertPolicy(ExpertProgram):
    """A checkpoint with an action expert, likewise."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(bundle_in_memory(checkpoint), TorchEngine(checkpoint))
        self.horizon = checkpoint.config.horizon


def torch_policy(checkpoint: Checkpoint) -> TorchPolicy | TorchExpertPolicy:
    """The policy of a checkpoint, by the program that its bundle would have."""
    return TorchPolicy(checkpoint) if checkpoint.config.expert is None else TorchExpertPolicy(checkpoint)


def load_policy(checkpoint: Path | str, *, threads: int = 1) -> TorchPolicy | TorchExpertPolicy:
    """The policy of a checkpoint or run, on `threads` CPU threads."""
    torch.set_num_threads(threads)
    return torch_policy(load_checkpoint(checkpoint))
