"""One recorded episode: the one shape of data between collection, files and training.

Everything is in the arm's base frame (REP-103) and SI units; actions are OSC_POSE actions in [-1, 1] with the gripper
-1 open .. +1 close. Frame t holds what the robot saw BEFORE action t was applied.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from inspire_policy.observations import PolicyObservation


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """T frames of one episode with n objects named in its instruction.

    Attributes:
        instruction: what the robot was told.
        objects: the n objects named in it, in order of mention.
        images_agentview: (T, H, W, 3) uint8 RGB, upright (row 0 on top). images_wrist: likewise.
        positions: (T, 3) m, quaternions: (T, 4) x, y, z, w; of the tool. openings: (T,) 0 closed .. 1 open.
        executed_actions: (T, 7) what the arm was given. expert_actions: (T, 7) what the expert would have done there.
        directions: (T, n) int8 signed axis -3..3 of the base frame, 0 grasped.
        offsets: (T, n, 3) object position minus tool position, m. grasped: (T, n) bool.
        success: the task's own predicate held at the end. on_policy: the actions came from a policy or were
            disturbed, so the expert's future is not the executed one. seed, split, task: what `World.reset` was
            given.
    """

    instruction: str
    objects: tuple[str, ...]
    images_agentview: np.ndarray
    images_wrist: np.ndarray
    positions: np.ndarray
    quaternions: np.ndarray
    openings: np.ndarray
    executed_actions: np.ndarray
    expert_actions: np.ndarray
    directions: np.ndarray
    offsets: np.ndarray
    grasped: np.ndarray
    success: bool
    seed: int
    split: str = "train"
    task: str = ""
    on_policy: bool = False

    def __post_init__(self) -> None:
        for f in fields(self):
            if f.name in _DTYPES:
                object.__setattr__(self, f.name, np.asarray(getattr(self, f.name), dtype=_DTYPES[f.name]))
        steps, n = len(self.positions), len(self.objects)
        image = self.images_agentview.shape[1:]
        expected = {
            "images_agentview": (steps, *image),
            "images_wrist": (steps, *self.images_wrist.shape[1:]),
            "positions": (steps, 3),
            "quaternions": (steps, 4),
            "openings": (steps,),
            "executed_actions": (steps, 7),
            "expert_actions": (steps, 7),
            "directions": (steps, n),
            "offsets": (steps, n, 3),
            "grasped": (steps, n),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"trajectory: expected {name} of shape {shape}, found {found}")
        if len(image) != 3 or image[2] != 3 or steps == 0:
            raise ValueError(f"trajectory: expected images (T > 0, H, W, 3), found {self.images_agentview.shape}")

    def __len__(self) -> int:
        return len(self.positions)

    def observation(self, step: int) -> PolicyObservation:
        """What a policy would have seen and felt."""
        return PolicyObservation(
            {"agentview": self.images_agentview[step], "wrist": self.images_wrist[step]},
            self.positions[step].astype(np.float64),
            self.quaternions[step].astype(np.float64),
            float(self.openings[step]),
        )


_DTYPES = {
    "images_agentview": np.uint8,
    "images_wrist": np.uint8,
    "positions": np.float32,
    "quaternions": np.float32,
    "openings": np.float32,
    "executed_actions": np.float32,
    "expert_actions": np.float32,
    "directions": np.int8,
    "offsets": np.float32,
    "grasped": np.bool_,
}
