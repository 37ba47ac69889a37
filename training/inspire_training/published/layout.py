"""Names of the weights: those of a published `.pt`, in three groups, and those of a policy here."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

GROUPS = ("vision_backbone", "projector", "llm_backbone")
PREFIXES = (
    ("vision_backbone", "dino_featurizer.", "perception.vision.towers.dino."),
    ("vision_backbone", "siglip_featurizer.", "perception.vision.towers.siglip."),
    ("projector", "projector.", "perception.projector."),
    ("llm_backbone", "llm.model.", "backbone.model."),
)
TIED = ("llm.lm_head.weight", "llm.model.embed_tokens.weight")  # one matrix, written twice
Groups = Mapping[str, Mapping[str, Tensor]]


class LayoutError(ValueError):
    """A file of weights is not what its configuration says; the message lists every difference."""


def compare(
    what: str, expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], mend: str
) -> None:
    """Raises LayoutError with every name that is missing, unexpected or has another shape."""
    missing = sorted(set(expected) - set(found))
    unexpected = sorted(set(found) - set(expected))
    misshapen = sorted(name for name in set(expected) & set(found) if expected[name] != found[name])
    if not (missing or unexpected or misshapen):
        return
    lines = [
        f"{what}: expected {len(expected)} arrays, found {len(missing)} missing, {len(unexpected)} unexpected and "
        f"{len(misshapen)} misshapen; {mend}"
    ]
    lines += [f"  missing: {name} {expected[name]}" for name in missing]
    lines += [f"  unexpected: {name} {found[name]}" for name in unexpected]
    lines += [f"  misshapen: {name}: expected {expected[name]}, found {found[name]}" for name in misshapen]
    raise LayoutError("\n".join(lines))


def policy_state(groups: Groups, policy: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a policy from the groups of a `.pt`; every tensor of both sides is accounted for.

    Args:
        policy: state of the policy that the configuration makes; only its names and shapes count.

    Raises:
        LayoutError: with the whole list of differences, or two embedding matrices that should be one.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in _names(policy).items()}
    found = {
        f"{group}/{name}": tuple(tensor.shape) for group, tensors in groups.items() for name, tensor in tensors.items()
    }
    compare("weights", expected, found, "take the preset that the checkpoint was trained with")
    head, embeddings = (groups["llm_backbone"][name] for name in TIED)
    if not torch.equal(head, embeddings):
        raise LayoutError(
            f"weights: expected {TIED[0]} to be {TIED[1]}, as tied embeddings are, found two different matrices; "
            "this checkpoint has another architecture"
        )
    state = {}
    for group, former, now in PREFIXES:
        for name, tensor in groups[group].items():
            if name.startswith(former) and name != TIED[0]:
                state[now + name[len(former) :]] = tensor
    return state


def published_groups(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The groups of a `.pt` from the state of a policy; the inverse of `policy_state`.

    Raises LayoutError for weights that have no place there.
    """
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in GROUPS}
    for name, tensor in _names(state).items():
        group, _, former = name.partition("/")
        groups[group][former] = tensor
    return groups


def _names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ "group/name" of a `.pt` for every tensor of a policy."""
    named: dict[str, Tensor] = {}
    homeless = []
    for name, tensor in state.items():
        for group, former, now in PREFIXES:
            if name.startswith(now):
                named[f"{group}/{former}{name[len(now) :]}"] = tensor
                break
        else:
            homeless.append(name)
    if homeless:
        raise LayoutError(
            f"weights: expected only parts that a published checkpoint has, found also {', '.join(sorted(homeless))}; "
            "take a policy of a minivla preset"
        )
    named[f"llm_backbone/{TIED[0]}"] = named[f"llm_backbone/{TIED[1]}"]
    return named
