"""The graphs that the robot runs, as torch modules with the runtime's names and shapes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inspire_training.model.policy import InspirePolicy

SMALLEST = -3e4  # of a bias in half precision; what masks a column is far below all it has


class InPrecision(nn.Module):
    """A graph that computes in another precision and is given, and gives, single precision: the runtime sees no
    difference. Its weights are turned where they are.
    """

    def __init__(self, graph: nn.Module, part: nn.Module, precision: torch.dtype) -> None:
        super().__init__()
        self.inner, self.precision = graph, precision
        part.to(precision)

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        turned = (v.clamp(min=SMALLEST).to(self.precision) if v.is_floating_point() else v for v in inputs)
        outputs = self.inner(*turned)
        return tuple(v.float() for v in outputs) if isinstance(outputs, tuple) else outputs.float()


class PerceptionGraph(nn.Module):
    """Images uint8 (1, H, W, 3) per camera, and what the configuration has of proprioception (1, 10) and
    instruction_ids (1, L), to embeddings (1, N, width).
    """

    def __init__(self, policy: InspirePolicy) -> None:
        super().__init__()
        self.policy = policy
        config = policy.config
        self._names = [f"image_{c.name}" for c in config.cameras]
        self._names += ["proprioception"] if config.proprioception else []
        self._names += ["instruction_ids"] if config.vision.conditioned else []

    def forward(self, *inputs: Tensor) -> Tensor:
        given = dict(zip(self._names, inputs))
        images = [value for name, value in given.items() if name.startswith("image_")]
        return self.policy.perceive(images, given.get("proprioception"), given.get("instruction_ids"))

    def inputs(self) -> dict[str, Tensor]:
        """Example inputs by name."""
        config = self.policy.config
        example = {
            f"image_{c.name}": torch.randint(0, 255, (1, c.height, c.width, 3), dtype=torch.uint8)
            for c in config.cameras
        }
        ids = torch.zeros(1, config.text_length, dtype=torch.int64)
        ids[:, :5] = 2
        example |= {"proprioception": torch.rand(1, 10), "instruction_ids": ids}
        return {name: example[name] for name in self._names}


class DecoderGraph(nn.Module):
    """One pass over T rows with a static cache of S slots, and the logits of what can be said; see
    `InspirePolicy.decode`.
    """

    said: Tensor

    def __init__(self, policy: InspirePolicy, slots: int, said: Sequence[int]) -> None:
        super().__init__()
        self.policy = policy
        self.slots = slots
        self.register_buffer("said", torch.tensor(said, dtype=torch.int64), persistent=False)

    def forward(
        self,
        token_ids: Tensor,
        embeddings: Tensor,
        use_embeddings: Tensor,
        position_ids: Tensor,
        attention_bias: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
    ) -> tuple[Tensor, ...]:
        return self.policy.decode(
            token_ids, embeddings, use_embeddings, position_ids, attention_bias, past_keys, past_values, self.said
        )

    def inputs(self, rows: int = 7) -> dict[str, Tensor]:
        """Example inputs by name; all different tensors, or the exporter would merge them."""
        backbone = self.policy.config.backbone
        cache = (backbone.layers, 1, backbone.kv_heads, self.slots, backbone.head_dim)
        return {
            "token_ids": torch.full((1, rows), 3, dtype=torch.int64),
            "embeddings": torch.rand(1, rows, backbone.width),
            "use_embeddings": torch.ones(1, rows, 1),
            "position_ids": torch.arange(rows).unsqueeze(0),
            "attention_bias": torch.zeros(1, 1, rows, self.slots + rows),
            "past_keys": torch.rand(cache),
            "past_values": torch.rand(cache),
        }

    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs: an action expert also reads states."""
        return (
            *("logits", "hidden", "new_keys", "new_values"),
            *(("states",) if self.policy.expert is not None else ()),
        )

    def dynamic_shapes(self) -> dict[str, dict[int, object] | None]:
        """T is free; the bias has S columns more."""
        rows, columns = torch.export.Dim.DYNAMIC, torch.export.Dim.DYNAMIC
        return {
            "token_ids": {1: rows},
            "embeddings": {1: rows},
            "use_embeddings": {1: rows},
            "position_ids": {1: rows},
            "attention_bias": {2: rows, 3: columns},
            "past_keys": None,
            "past_values": None,
        }


class HeadGraph(nn.Module):
    """Hidden states (1, Q, width) of the query tokens to a chunk (1, Q, 7)."""

    def __init__(self, policy: InspirePolicy) -> None:
        super().__init__()
        if policy.head is None:
            raise ValueError("head: expected the continuous codec, found codes")
        self.head = policy.head
        self._shape = (1, policy.config.chunk_length, policy.config.backbone.width)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.head(hidden)

    def inputs(self) -> dict[str, Tensor]:
        """Example inputs by name."""
        return {"hidden": torch.rand(self._shape)}


class ExpertGraph(nn.Module):
    """States (layers, 1, R, width) with their bias (1, R), patches (1, N, width) and noise (1, T, 7) to a chunk (1, T,
    7); all sampling steps are inside.
    """

    def __init__(self, policy: InspirePolicy, rows: int) -> None:
        super().__init__()
        if policy.expert is None:
            raise ValueError("expert: expected a policy with an action expert, found none")
        self.expert = policy.expert
        self._config, self._rows = policy.config, rows

    def forward(self, states: Tensor, state_bias: Tensor, patches: Tensor, noise: Tensor) -> Tensor:
        return self.expert.sample(states, state_bias, patches, noise)

    def inputs(self) -> dict[str, Tensor]:
        """Example inputs by name."""
        config, width = self._config, self._config.backbone.width
        return {
            "states": torch.rand(len(self.expert.config.language_layers), 1, self._rows, width),
            "state_bias": torch.zeros(1, self._rows),
            "patches": torch.rand(1, config.perception_tokens, width),
            "noise": torch.rand(1, config.chunk_length, 7),
        }
