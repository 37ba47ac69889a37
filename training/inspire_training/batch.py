"""One training batch as tensors: what the dataset makes and the policy reads."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ExpertBatch:
    """What an action expert needs besides, for B frames and D draws of noise of each.

    Attributes:
        context_rows: (B, R) rows of the sequence whose states are read, the prompt's and the answers'. context_mask:
            (B, R) bool, False where there is none to be read. untold: (B,) bool, frames whose expert is told nothing.
        noise: (B, D, chunk_length, 7) standard normal. draws: (B, D) uniform in [0, 1), for the time.
    """

    context_rows: Tensor
    context_mask: Tensor
    untold: Tensor
    noise: Tensor
    draws: Tensor

    def to(self, device: torch.device | str) -> ExpertBatch:
        """The same on a device."""
        return ExpertBatch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class TrainingBatch:
    """B frames, sequences right-padded to T rows, K questions at most, whose answers take A tokens.

    Attributes:
        images: per camera, uint8 (B, H, W, 3). proprioception: (B, 10) SI. instruction_ids: (B, L), padded with 0.
        token_ids: (B, T); the first N rows take the perception embeddings. attention_bias: (B, 1, T, T) additive.
        answer_rows, answer_ids, answer_mask: (B, A), of the RIGHT answers; what is fed may differ (`token_ids`);
            the mask may hold weights.
        offset_rows: (B, K) rows whose hidden states regress the offsets of object k (last of its question, or <act>).
        offsets: (B, K, 3) m. object_mask: (B, K).
        query_rows: (B, Q). code_rows, codes, code_mask: (B, C) rows and token ids of the codes; the mask is False
            where a chunk takes fewer. end_rows, end_ids, end_mask: (B, E) likewise, of the tokens that end answers and
            actions.
        chunk: (B, chunk_length, 7), six motion numbers in [-1, 1], opening in [0, 1]. expert: None without an expert.
    """

    images: tuple[Tensor, ...]
    proprioception: Tensor
    instruction_ids: Tensor
    token_ids: Tensor
    attention_bias: Tensor
    answer_rows: Tensor
    answer_ids: Tensor
    answer_mask: Tensor
    offset_rows: Tensor
    offsets: Tensor
    object_mask: Tensor
    query_rows: Tensor
    code_rows: Tensor
    codes: Tensor
    code_mask: Tensor
    end_rows: Tensor
    end_ids: Tensor
    end_mask: Tensor
    chunk: Tensor
    expert: ExpertBatch | None = None

    def to(self, device: torch.device | str) -> TrainingBatch:
        """The batch on a device."""

        def moved(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(tensor.to(device) for tensor in value)
            return None if value is None else value.to(device)

        return TrainingBatch(**{f.name: moved(getattr(self, f.name)) for f in fields(self)})

    def __len__(self) -> int:
        return len(self.proprioception)
