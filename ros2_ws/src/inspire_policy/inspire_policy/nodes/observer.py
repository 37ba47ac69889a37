"""The policy's eyes and feeling: subscribes to cameras and arm, and tells each complete observation once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image, JointState

from inspire_policy.images import ImageGeometry
from inspire_policy.nodes.parameters import ObservingParameters
from inspire_policy.observations import ObservationError, ObservationSet, PolicyObservation
from inspire_policy.ros.messages import MessageError, gripper_opening, pose_arrays, rgb_view, stamp_ns
from inspire_policy.ros.qos import IMAGE, STATE


class Observer:
    """Listens from its making until `close`.

    Args:
        node: owner of the subscriptions. cameras: name -> what the model makes of its images.
        on_observation: told a complete observation and when it arrived, monotonic s.
        on_unusable: told what is wrong with a part that cannot be used.
    """

    def __init__(
        self,
        node: Node,
        cameras: Mapping[str, ImageGeometry],
        parameters: ObservingParameters,
        *,
        on_observation: Callable[[PolicyObservation, float], None],
        on_unusable: Callable[[str], None],
    ) -> None:
        self.latest: tuple[PolicyObservation, float] | None = None
        self._node = node
        self._on_observation, self._on_unusable = on_observation, on_unusable
        self._newest_image: int | None = None
        self._parts = _collector(cameras, parameters)
        self._inputs: list[Subscription] = []
        for camera in cameras:
            topic = f"camera/{camera}/color/image_raw"
            self._inputs.append(node.create_subscription(Image, topic, self._image_reader(camera), IMAGE))
        self._inputs.append(node.create_subscription(PoseStamped, "arm/state_pose", self._on_pose, STATE))
        self._inputs.append(node.create_subscription(JointState, "arm/gripper_state", self._on_gripper, STATE))

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._inputs:
            self._node.destroy_subscription(subscription)
        self._inputs.clear()

    def exchange(self, cameras: Mapping[str, ImageGeometry]) -> None:
        """Another model looks through the same cameras."""
        self._parts.exchange(cameras)

    @property
    def counts(self) -> Counter[str]:
        """Parts that were refused or came to nothing, by name."""
        return self._parts.counts

    @property
    def dropped(self) -> int:
        """Observations that never became complete, or came too late."""
        return self._parts.dropped

    @property
    def missing(self) -> tuple[str, ...]:
        """Parts that keep the next observation from being complete."""
        return self._parts.missing

    @property
    def newest_image(self) -> int | None:
        """Stamp of the newest image of any camera, ns; None before the first."""
        return self._newest_image

    def _image_reader(self, camera: str) -> Callable[[Image], None]:
        def read(message: Image) -> None:
            stamp = stamp_ns(message.header.stamp)
            self._newest_image = stamp
            self._read("bad_image", lambda: self._parts.put_image(camera, stamp, rgb_view(message)))

        return read

    def _on_pose(self, message: PoseStamped) -> None:
        self._read("bad_pose", lambda: self._parts.put_pose(stamp_ns(message.header.stamp), *pose_arrays(message.pose)))

    def _on_gripper(self, message: JointState) -> None:
        self._read(
            "bad_gripper", lambda: self._parts.put_gripper(stamp_ns(message.header.stamp), gripper_opening(message))
        )

    def _read(self, name: str, put: Callable[[], PolicyObservation | None]) -> None:
        arrived = time.monotonic()
        try:
            observation = put()
        except ObservationError as error:
            self._on_unusable(str(error))
        except MessageError as error:
            self._on_unusable(str(self._parts.refused(name, str(error))))
        else:
            if observation is not None:
                self.latest = (observation, arrived)
                self._on_observation(observation, arrived)


def _collector(cameras: Mapping[str, ImageGeometry], parameters: ObservingParameters) -> ObservationSet:
    if parameters.lockstep:
        return ObservationSet(cameras, centre=parameters.centre)
    return ObservationSet.of_separate_sensors(
        cameras,
        image_tolerance=parameters.image_tolerance,
        state_tolerance=parameters.state_tolerance,
        centre=parameters.centre,
    )
