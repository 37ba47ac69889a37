"""Learning rates of the parts of a policy; no torch here, since the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RateScales:
    """Learning rates as multiples of `rate`; a language model that knows much already wants a tenth."""

    language: float = 1.0
    """The language model."""
    expert: float = 1.0
    """The diffusion transformer, or the other action heads."""
    bridge: float = 1.0
    """The querying transformer, vision, proprioception and auxiliary heads."""
