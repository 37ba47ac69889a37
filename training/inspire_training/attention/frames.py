"""Frames to be looked at, whatever they were recorded by: images, what the arm feels, and, where known, the objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from inspire_policy.observations import PolicyObservation
from inspire_policy.rotations import quaternion_from_rotvec

CAMERA = "agentview"  # the camera whose objects are known


def pose_of(proprioception: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Position, quaternion and opening of a proprioception vector (10,)."""
    x, y = (np.asarray(proprioception[i : i + 3], dtype=np.float64) for i in (3, 6))
    rotation, _ = cv2.Rodrigues(np.stack([x, y, np.cross(x, y)], axis=1))
    return np.asarray(proprioception[:3]), quaternion_from_rotvec(rotation.ravel()), float(proprioception[9])


@dataclass(frozen=True, kw_only=True)
class SeenFrame:
    """One moment of an episode.

    Attributes:
        step: of the episode. observation: what was seen and felt.
        masks: object -> bool (H, W), its pixels in the image of CAMERA; only of objects that show.
        axes: object -> signed axis of the right answer in the base frame, 0 grasped. holding: whether something is in
            the hand, None where nobody knows.
    """

    step: int
    observation: PolicyObservation
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    axes: Mapping[str, int] = field(default_factory=dict)
    holding: bool | None = None


@dataclass(frozen=True, kw_only=True)
class SeenEpisode:
    """Frames of one episode. `objects`: named in its instruction, in order of mention. `regions`: what masks are made
    of, or why there are none.
    """

    name: str
    seed: int
    instruction: str
    objects: tuple[str, ...]
    frames: tuple[SeenFrame, ...]
    regions: str


def chosen_frames(episode: SeenEpisode, count: int, *, before_grasp: bool) -> SeenEpisode:
    """The episode with `count` of its frames, evenly spread; none of one that begins with its target in the hand.

    Raises ValueError where nothing tells when that is.
    """
    frames: Sequence[SeenFrame] = episode.frames
    if before_grasp:
        if any(frame.holding is None for frame in frames):
            raise ValueError(
                f"phase: expected to know when {episode.name} holds its target, found nothing that tells; take --phase "
                "all, or grounding records, demonstrations or a recording of a simulated episode"
            )
        end = next((i for i, frame in enumerate(frames) if frame.holding), len(frames))
        frames = frames[:end]
    if not frames:
        return replace(episode, frames=())
    places = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int))
    return replace(episode, frames=tuple(frames[i] for i in places))
