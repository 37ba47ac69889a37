"""Weights, gradients and optimiser state split over the processes (FSDP2), or whole in each of them.

Checkpoints do not know the difference: states are gathered whole on the main process and handed out again, so a run may
be resumed with or without sharding and by any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from inspire_training.model.backbone import Qwen2Backbone
from inspire_training.model.fused_vit import FusedVit
from inspire_training.scale.mixed import DTYPES

BUCKET = 64 * 2**20  # numbers of gradients that are averaged at once


def blocks(network: Any) -> Iterator[nn.Module]:
    """The transformer blocks whose activations and shards come and go one by one.

    The language model's last layer is not among them: training computes parts of it alone, for the rows that matter.
    """
    if isinstance(network.perception.vision, FusedVit):
        for tower in network.towers.values():
            yield from tower.blocks
    if isinstance(network.backbone, Qwen2Backbone):
        yield from network.backbone.model.layers[:-1]


def shard(network: nn.Module, precision: str) -> None:
    """Split a network's parameters over all processes, in place; computed with in `precision`, gradients summed in
    single precision.
    """
    compute = DTYPES.get(precision)
    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for block in blocks(network):
        fully_shard(block, mp_policy=policy, reshard_after_forward=True)
    fully_shard(network, mp_policy=policy, reshard_after_forward=True)


def last_of_step(network: nn.Module, last: bool) -> None:
    """Whether the backward pass that follows is a step's last one, whose gradients are exchanged."""
    if isinstance(network, FSDPModule):
        network.set_requires_gradient_sync(last)


@torch.no_grad()
def average_gradients(network: nn.Module) -> None:
    """Replace the gradients of a network that every process has whole by their mean. Parameters that no loss reaches
    have none, and they are the same ones everywhere.
    """
    if isinstance(network, FSDPModule) or not dist.is_initialized() or dist.get_world_size() == 1:
        return
    bucket: list[Tensor] = []
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    for number, gradient in enumerate(gradients):
        bucket.append(gradient)
        if sum(g.numel() for g in bucket) >= BUCKET or number + 1 == len(gradients):
            flat = torch.cat([g.flatten() for g in bucket])
            dist.all_reduce(flat)
            flat /= dist.get_world_size()
            for target, mean in zip(bucket, flat.split([g.numel() for g in bucket])):
                target.copy_(mean.view_as(target))
            bucket = []


def local(tensor: Tensor) -> Tensor:
    """The part of a parameter that this process holds, as memory that can be written to."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor.detach()


def whole_state(network: nn.Module, *, kept: bool) -> dict[str, Tensor]:
    """A network's state in main memory where `kept`, nothing elsewhere; every process has to call it."""
    state = ((name, _whole(value)) for name, value in network.state_dict().items())
    return {name: value.detach().cpu() for name, value in state if kept}


def whole_optimizer(optimizer: torch.optim.Optimizer, *, kept: bool) -> dict[str, Any]:
    """An optimiser's state likewise, as `Optimizer.state_dict` has it without sharding."""
    state = optimizer.state_dict()
    found: dict[int, dict[str, Any]] = {}
    for number, values in state["state"].items():
        for name, value in values.items():
            whole = _whole(value).cpu() if isinstance(value, Tensor) else value
            if kept:
                found.setdefault(number, {})[name] = whole
    return {**state, "state": found}


@torch.no_grad()
def hand_out(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Take over a whole state, each process its part."""
    for name, target in network.state_dict().items():
        target.copy_(_like(state[name], target))


def hand_out_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Take over an optimiser's whole state likewise."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    split = {
        number: {
            name: _like(value, parameters[number])
            if isinstance(value, Tensor) and value.shape == parameters[number].shape
            else value
            for name, value in values.items()
        }
        for number, values in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": split})


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _like(whole: Tensor, target: Tensor) -> Tensor:
    if not isinstance(target, DTensor):
        return whole
    return distribute_tensor(whole.to(target.device), target.device_mesh, target.placements)
