"""Images and state become one observation; what does not fit is refused by name and counted.

Which parts belong together is the pairing's matter: equal stamps, or close ones (see pairing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inspire_policy.images import ImageGeometry
from inspire_policy.pairing import EqualStamps, NewestWithin, Pairing
from inspire_policy.proprioception import proprioception_vector

STATES = ("pose", "gripper")


class ObservationError(ValueError):
    """A part of an observation is unusable. `name` is stable and counted; the text says what was expected and found."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


@dataclass(frozen=True)
class PolicyObservation:
    """What the policy sees and feels.

    Attributes:
        images: camera -> RGB uint8 (H, W, 3), upright as the camera gives it.
        position, quaternion: of the tool in the base frame, (3,) m and (4,) x, y, z, w.
        opening: of the gripper, 0 closed .. 1 open. stamp: ns.
    """

    images: Mapping[str, np.ndarray]
    position: np.ndarray
    quaternion: np.ndarray
    opening: float
    stamp: int = 0

    @property
    def proprioception(self) -> np.ndarray:
        """What the arm feels as the model takes it, float32 (10,). Raises ValueError; see proprioception_vector."""
        return proprioception_vector(self.position, self.quaternion, self.opening)


class ObservationSet:
    """Collects the parts: one image per camera, "pose" and "gripper". Not thread-safe.

    Args:
        cameras: name -> what the model makes of its images.
        pairing: which parts belong together; default: those of equal stamps.
        centre: images of another aspect ratio are not refused; their centre part is taken.
    """

    def __init__(
        self, cameras: Mapping[str, ImageGeometry], pairing: Pairing | None = None, *, centre: bool = False
    ) -> None:
        self._cameras = dict(cameras)
        self._centre = centre
        self._pairing = pairing or EqualStamps((*self._cameras, *STATES))

    @classmethod
    def of_separate_sensors(
        cls,
        cameras: Mapping[str, ImageGeometry],
        *,
        image_tolerance: float,
        state_tolerance: float,
        centre: bool = False,
    ) -> ObservationSet:
        """For cameras and an arm that stamp each by itself: the newest images within `image_tolerance` s of each other
        with the states closest to them, within `state_tolerance` s.
        """
        return cls(
            cameras,
            NewestWithin(
                tuple(cameras),
                STATES,
                image_tolerance=round(image_tolerance * 1e9),
                state_tolerance=round(state_tolerance * 1e9),
            ),
            centre=centre,
        )

    def exchange(self, cameras: Mapping[str, ImageGeometry]) -> None:
        """Another model looks through the same cameras. What was collected stays."""
        if set(cameras) != set(self._cameras):
            raise ValueError(f"expected cameras {', '.join(self._cameras)}, found {', '.join(cameras)}")
        self._cameras = dict(cameras)

    @property
    def counts(self) -> Counter[str]:
        """Parts that were refused or came to nothing, by name."""
        return self._pairing.counts

    def put_image(self, camera: str, stamp: int, rgb: np.ndarray) -> PolicyObservation | None:
        """Add an image. Raises ObservationError("bad_image") on a size that the model cannot take."""
        if self._centre and 0 not in rgb.shape:
            rgb = self._cameras[camera].centred(rgb)
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
        """Parts that keep the next observation from being complete."""
        return self._pairing.missing

    def refused(self, name: str, detail: str) -> ObservationError:
        """Count an unusable part and return its error, to be raised."""
        self.counts[name] += 1
        return ObservationError(name, detail)

    def _put(self, key: str, stamp: int, value: Any) -> PolicyObservation | None:
        complete = self._pairing.put(key, stamp, value)
        if complete is None:
            return None
        parts = complete.values
        position, quaternion = parts["pose"]
        images = {camera: parts[camera] for camera in self._cameras}
        return PolicyObservation(images, position, quaternion, parts["gripper"], complete.stamp)
