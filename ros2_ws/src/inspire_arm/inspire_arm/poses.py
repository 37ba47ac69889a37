"""The measured pose in realtime: whether a further one is newer, young enough and one that the arm can have come to."""

from __future__ import annotations

import math

from inspire_arm import checks, reasons
from inspire_arm.envelope import Envelope
from inspire_arm.motion import Pose


class MeasuredPose:
    """The newest good pose and when it was heard."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._stamp: int | None = None  # of the newest pose, while ROS time has not jumped since
        self.newest: Pose | None = None
        self.heard: int | None = None  # steady, ns

    def refusal(self, pose: Pose, *, now: int) -> checks.Refusal | None:
        """Why a pose is dropped; the one before stays."""
        late = checks.pose_age(pose, self._envelope, now=now)
        if late is None and self._stamp is not None and pose.stamp < self._stamp:
            return reasons.REORDERED_POSE, "expected stamps of poses to increase, found one that does not"
        return late

    def fault(self, pose: Pose) -> checks.Refusal | None:
        """Why a pose cannot be true after the one before."""
        if self.newest is None or self._stamp is None:
            return None
        return checks.pose_jump(pose, self.newest, self._envelope)

    def gap(self, pose: Pose) -> float:
        """Seconds from the pose before: infinite after a jump of the clock, 0 for the first pose."""
        if self.newest is None:
            return 0.0
        return math.inf if self._stamp is None else (pose.stamp - self._stamp) * 1e-9

    def take(self, pose: Pose, *, steady: int) -> None:
        """This is the pose now; one that is sent again is not heard anew."""
        if pose.stamp != self._stamp:
            self.heard = steady
        self.newest, self._stamp = pose, pose.stamp

    def clock_jumped(self) -> None:
        """Stamps from before mean nothing any more."""
        self._stamp = None

    def silence(self, steady: int) -> checks.Refusal | None:
        """Whether no newer pose was heard for too long."""
        return checks.pose_silence(self.heard, self._envelope, steady=steady)
