"""Images and state become one observation when all carry the same stamp; what does not fit is refused by name and
counted.

Keeps a few stamps at once, because topics overtake each other. A complete set makes all older ones void. A set that
was sent again (lockstep re-sends until answered) is complete again once all its parts have come again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inspire_policy.images import ImageGeometry

STAMPS_KEPT = 4
CLOCK_JUMP_NS = 1_000_000_000


class ObservationError(ValueError):
    """A part of an observation is unusable. `name` is stable and counted; the text says what was expected and found."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


@dataclass(frozen=True)
class PolicyObservation:
    """What the policy sees and feels at `stamp` ns.

    Attributes:
        images: camera -> RGB uint8 (H, W, 3).
        position, quaternion: of the tool in the base frame, (3,) m and (4,) x, y, z, w.
        opening: of the gripper, 0 closed .. 1 open.
    """

    stamp: int
    images: Mapping[str, np.ndarray]
    position: np.ndarray
    quaternion: np.ndarray
    opening: float


class ObservationSet:
    """Collects the parts: one image per camera, "pose" and "gripper". Not thread-safe."""

    def __init__(self, cameras: Mapping[str, ImageGeometry]) -> None:
        self._cameras = dict(cameras)
        self._keys = (*self._cameras, "pose", "gripper")
        self._parts: dict[int, dict[str, Any]] = {}
        self._newest = -CLOCK_JUMP_NS
        self._latest: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    def put_image(self, camera: str, stamp: int, rgb: np.ndarray) -> PolicyObservation | None:
        """Add an image. Raises ObservationError("bad_image") on a size that the model cannot take."""
        try:
            self._cameras[camera].check_source(rgb.shape[1], rgb.shape[0])
        except ValueError as error:
            raise self.refused("bad_image", f"{camera}: {error}") from error
        return self._put(camera, stamp, rgb)

    def put_pose(self, stamp: int, position: np.ndarray, quaternion: np.ndarray) -> PolicyObservation | None:
        """Add a pose. Raises ObservationError("bad_pose") unless it is finite with a unit quaternion."""
        norm = float(np.linalg.norm(quaternion))
        if not (np.isfinite(position).all() and np.isfinite(norm) and abs(norm - 1.0) < 0.05):
            raise self.refused(
                "bad_pose",
                f"expected finite numbers and a unit quaternion, found {position} and {quaternion}; check the arm's "
                "driver",
            )
        return self._put("pose", stamp, (position, quaternion / norm))

    def put_gripper(self, stamp: int, opening: float) -> PolicyObservation | None:
        """Add a gripper opening. Raises ObservationError("bad_gripper") outside 0..1 (with 5 % of slack)."""
        if not -0.05 <= opening <= 1.05:
            raise self.refused(
                "bad_gripper", f"expected an opening of 0 to 1, found {opening}; check the gripper's driver"
            )
        return self._put("gripper", stamp, float(np.clip(opening, 0.0, 1.0)))

    @property
    def dropped(self) -> int:
        """Observations that never became complete, or came too late."""
        return self.counts["incomplete"] + self.counts["late"]

    @property
    def missing(self) -> tuple[str, ...]:
        """Parts that have not come for the newest stamp; all of them before the first."""
        return tuple(key for key in self._keys if self._latest.get(key) != self._newest)

    def refused(self, name: str, detail: str) -> ObservationError:
        """Count an unusable part and return its error, to be raised."""
        self.counts[name] += 1
        return ObservationError(name, detail)

    def _put(self, key: str, stamp: int, value: Any) -> PolicyObservation | None:
        if stamp < self._newest - CLOCK_JUMP_NS:
            self._parts.clear()
            self.counts["clock_jump"] += 1
            self._newest = stamp
        self._newest = max(self._newest, stamp)
        self._latest[key] = stamp
        if stamp not in self._parts and len(self._parts) >= STAMPS_KEPT:
            oldest = min(self._parts)
            if stamp < oldest:
                self.counts["late"] += 1
                return None
            del self._parts[oldest]
            self.counts["incomplete"] += 1
        parts = self._parts.setdefault(stamp, {})
        parts[key] = value
        if len(parts) < len(self._keys):
            return None
        older = [other for other in self._parts if other < stamp]
        if older:
            self.counts["incomplete"] += len(older)
        for other in (*older, stamp):
            del self._parts[other]
        position, quaternion = parts["pose"]
        return PolicyObservation(stamp, {c: parts[c] for c in self._cameras}, position, quaternion, parts["gripper"])
