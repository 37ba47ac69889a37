"""What `inspire train` takes beside the expert itself; no torch here, since the command line reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RateScales:
    """Learning rates as multiples of `rate`; a language model that knows much already wants a tenth."""

    language: float = 1.0
    """The language model."""
    expert: float = 1.0
    """The diffusion transformer, or the other action heads."""
    bridge: float = 1.0
    """The querying transformer, vision, proprioception and auxiliary heads."""


@dataclass(frozen=True, kw_only=True)
class CotrainingSettings:
    """Grounding questions learned beside the actions, so that what stage 1 taught is not forgotten.

    Raises ValueError for a ratio without data, and for one that makes no sense.
    """

    data: tuple[Path, ...] = ()
    """Files or folders of grounding records (`inspire grounding-data`), or LLaVA-style JSON; none when empty."""
    weights: tuple[float, ...] = ()
    """How often a question of each entry of `data` is drawn, relative to the others; 1 each when empty."""
    mixture: str = ""
    """Ratios of the tasks, as of stage 1 when empty."""
    ratio: float = 0.0
    """Frames of actions per question; 0: 4 where there is data."""
    window: float = 0.08
    """Largest random shift of the images and change of their size, as shares of it."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ratio) and self.ratio >= 0):
            raise ValueError(f"grounding ratio: expected frames per question, 0 or more, found {self.ratio}")
        named = [
            n for n, given in (("ratio", self.ratio), ("mixture", self.mixture), ("weights", self.weights)) if given
        ]
        if named and not self.data:
            raise ValueError(
                f"grounding {' and '.join(named)}: expected data to draw from (--grounding.data), found none; run "
                "`inspire grounding-data`, or leave it out"
            )

    def questions(self, frames: int) -> int:
        """Questions beside a batch of so many frames; at least one where there is data."""
        return max(1, round(frames / (self.ratio or 4.0))) if self.data else 0
