"""The seam between two chunks: a short linear cross-fade from the old chunk's tail to the new chunk.

Both chunks say what to do at the same moments, the new one from a newer observation; entered at once, the difference
between the two would be a jump of the commanded twist. Only motion is mixed. The gripper's opening is the new chunk's
from the first step: halfway between open and closed is no command that either chunk meant.
"""

from __future__ import annotations

from inspire_policy.action import Lead


def new_share(step: int, steps: int) -> float:
    """Share of the new chunk in its `step`-th action (from 0) after the seam, when `steps` actions are blended: rises
    linearly, never 0, and is 1 from `steps` on.
    """
    return min(1.0, (step + 1) / (steps + 1))


def cross_fade(old: Lead, new: Lead, share: float) -> Lead:
    """`share` (0..1) of the new lead and the rest of the old one; the opening is the new lead's."""
    if share >= 1.0:
        return new
    return Lead(
        (1.0 - share) * old.translation + share * new.translation,
        (1.0 - share) * old.rotation + share * new.rotation,
        new.opening,
    )
