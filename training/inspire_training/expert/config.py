"""The configuration of an action expert; no torch here, since the command line reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

INSTRUCTION = "{instruction}"  # its place in a template
CHUNK_LENGTHS = (8, 16)


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """A diffusion transformer over the actions of a chunk, told by a querying transformer what to do.

    Settings of training alone (bridge, condition_dropout, repeats, answers) stand here as well, so that a checkpoint
    says how it came about. Raises ValueError on a value that makes no sense.
    """

    objective: Literal["flow", "ddpm"] = "flow"
    """What the network says: the velocity of flow matching (Euler steps) or the noise of DDPM (DDIM steps)."""
    steps: int = 5
    """Of sampling, inside the exported graph."""
    noise_levels: int = 100
    """Of DDPM in training."""
    chunk_length: int = 8
    """Actions of a chunk: 8 or 16."""
    width: int = 192
    layers: int = 4
    heads: int = 6
    queries: int = 32
    """Learned queries of the querying transformer."""
    language_layers: tuple[int, ...] = (-1,)
    """Layers of the language model whose states are read, one cross-attention block each; 0 the first, -1 the last."""
    bridge: float = 0.5
    """Share of the expert's gradient that reaches the language model: 0 none, 1 all."""
    condition_dropout: float = 0.1
    """Share of the training frames in which the expert is not told anything, for guidance."""
    guidance: float = 1.0
    """Classifier-free guidance at sampling; 1: none, and half the arithmetic."""
    repeats: int = 4
    """Draws of noise per training frame; the language model runs once for all of them."""
    answers: float = 0.5
    """Share of the training frames in which the expert also reads the direction answers (explicit); the others are
    latent, and so are all of them with 0."""
    prompt: Literal["spatial", "padding", "none"] = "spatial"
    """What is appended to the instruction: the spatial prompt, as many random words (a control), nothing."""
    template: str = ""
    """How the instruction is told, with {instruction} in its place; made from `prompt` at the start of a run."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("bridge", 0.0, 1.0),
            ("condition_dropout", 0.0, 0.9),
            ("guidance", 1.0, 10.0),
            ("answers", 0.0, 1.0),
            ("steps", 1, self.noise_levels if self.objective == "ddpm" else 1000),
            ("queries", 1, 1024),
            ("repeats", 1, 64),
        ):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and low <= value <= high):
                raise ValueError(f"expert {name}: expected a number from {low:g} to {high:g}, found {value!r}")
        for name, known in (("objective", ("flow", "ddpm")), ("prompt", ("spatial", "padding", "none"))):
            if getattr(self, name) not in known:
                raise ValueError(f"expert {name}: expected one of {', '.join(known)}, found {getattr(self, name)!r}")
        if self.chunk_length not in CHUNK_LENGTHS:
            raise ValueError(f"expert chunk_length: expected 8 or 16, found {self.chunk_length}")
        if self.width % self.heads:
            raise ValueError(f"expert heads: expected a divisor of the width {self.width}, found {self.heads}")
        if not self.language_layers:
            raise ValueError("expert language_layers: expected at least one layer, found none")
        if self.guidance > 1.0 and not self.condition_dropout:
            raise ValueError(
                "expert guidance: expected 1 with condition_dropout 0, as nothing was learned without a condition; "
                f"found {self.guidance:g}"
            )
        if self.template and INSTRUCTION not in self.template:
            raise ValueError(f"expert template: expected {INSTRUCTION} in it, found {self.template!r}")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ExpertConfig:
        """Of plain types. Raises TypeError on an unknown field."""
        return cls(**{**data, "language_layers": tuple(data["language_layers"])})
