"""camera_node: a lifecycle node that shows what a RealSense camera sees, on the topics and frames of realsense-ros.

configure looks for the camera and its streams; from activate on it streams on a thread of its own, which publishes
itself. A camera that is lost is looked for again; what was lost, refused or dropped is counted in `/diagnostics`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import CameraInfo, Image

from inspire_camera.counts import DROPPED, REFUSALS
from inspire_camera.errors import CameraError
from inspire_camera.health import State
from inspire_camera.nodes.messages import to_depth_image, to_diagnostics, to_info
from inspire_camera.nodes.parameters import declare_parameters
from inspire_camera.settings import SourceSettings
from inspire_policy.ros import qos
from inspire_policy.ros.lifecycle import ConfigurableNode, started
from inspire_policy.ros.messages import to_rgb_image
from inspire_policy.ros.process import run_node

if TYPE_CHECKING:  # librealsense is loaded when the node is configured: its absence is then a sentence
    from inspire_camera.camera import Camera
    from inspire_camera.sources.base import Source
    from inspire_camera.streams import Frame

REPORT_PERIOD = 1.0  # s


def real_source(settings: SourceSettings) -> Source:
    """The source that the parameters describe. Raises CameraError, also where librealsense is not installed."""
    try:
        from inspire_camera.sources.choice import make_source
    except ImportError as error:
        raise CameraError(
            f"camera: expected pyrealsense2 and libusb-1.0, found: {error}; run `pip install pyrealsense2` and "
            "`apt-get install libusb-1.0-0`"
        ) from error
    return make_source(settings)


class CameraNode(ConfigurableNode):
    """See the module's docstring. `find_source`: makes the source when the node is configured."""

    refusals = (CameraError,)

    def __init__(self, find_source: Callable[[SourceSettings], Source] = real_source, **options: object) -> None:
        super().__init__("camera", **options)
        parameters = declare_parameters(self)
        self.autostart = parameters.autostart
        self._settings, self._origin = parameters.camera, parameters.source
        self._find_source = find_source
        self._camera: Camera | None = None
        self._reported: dict[str, int] = {}
        settings = self._settings
        self._color = self.create_publisher(Image, settings.topic("color/image_raw"), qos.IMAGE)
        self._color_info = self.create_publisher(CameraInfo, settings.topic("color/camera_info"), qos.IMAGE)
        self._depth = self.create_publisher(Image, settings.topic("aligned_depth_to_color/image_raw"), qos.IMAGE)
        self._depth_info = self.create_publisher(
            CameraInfo, settings.topic("aligned_depth_to_color/camera_info"), qos.IMAGE
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.STATE)
        self.create_timer(REPORT_PERIOD, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # Lifecycle.

    def _configure(self) -> None:
        """Look for the camera and its streams."""
        source = self._find_source(self._origin)
        from inspire_camera.camera import Camera
        from inspire_camera.streams import check_streams

        try:
            check_streams(source.connect(), self._settings)
        finally:
            source.release()
        self._camera = Camera(
            source,
            self._settings,
            on_frame=self._publish,
            on_state=self._tell,
            now=lambda: self.get_clock().now().nanoseconds,
            wants_depth=lambda: self._depth.get_subscription_count() > 0,
        )
        self.get_logger().info(f"{self._settings.name}: {self._origin.hardware}")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to stream."""
        assert self._camera is not None
        self._camera.start()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the camera."""
        self.on_stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the camera."""
        self.on_stop()
        self._camera = None
        self._reported = {}
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the camera and forget it."""
        return self.on_cleanup(state)

    def on_stop(self) -> None:
        """The process ends: let go of the camera."""
        if self._camera is not None:
            self._camera.stop()

    # Called on the camera's thread.

    def _publish(self, frame: Frame, stamp: int) -> None:
        where = self._settings.optical_frame
        info = to_info(frame.intrinsics, stamp, where)
        self._color.publish(to_rgb_image(frame.rgb, stamp, where))
        self._color_info.publish(info)
        if frame.depth is not None:
            self._depth.publish(to_depth_image(frame.depth, stamp, where))
            self._depth_info.publish(info)

    def _tell(self, state: State, reason: str) -> None:
        text = f"{self._settings.name}: {state.value}{': ' if reason else ''}{reason}"
        if state is State.LOST:  # two lines, since rclpy allows a line of code one severity only
            self.get_logger().warning(text)
        else:
            self.get_logger().info(text)

    # Called on the executor's thread.

    def _report(self) -> None:
        if self._camera is None:
            return
        health = self._camera.health
        new = {name: count - self._reported.get(name, 0) for name, count in health.counts.items()}
        self._reported = health.counts
        dropped, refused = new.get(DROPPED, 0), sum(new.get(name, 0) for name in REFUSALS)
        if dropped or refused:
            self.get_logger().warning(
                f"{self._settings.name}: {dropped} frames dropped, {refused} refused in the last {REPORT_PERIOD:g} s"
                f"{f' ({health.reason})' if health.reason else ''}"
            )
        now = self.get_clock().now().nanoseconds
        name = self.get_fully_qualified_name().lstrip("/")
        self._diagnostics.publish(
            to_diagnostics(health, name=name, hardware=self._origin.hardware, dropped=dropped, refused=refused, now=now)
        )


def main() -> None:
    """Entry point of `camera_node`."""
    sys.exit(run_node(lambda: started(CameraNode)))


if __name__ == "__main__":
    main()
