"""Shows a running stack to Foxglove over a WebSocket, with the Python package foxglove-sdk alone: no other bridge.

It only shows: buttons of a layout (instruct, stop, reset) need foxglove_bridge. A topic is listened to for as long as
somebody looks at it, so that without viewers nothing is copied. Who may reach the port sees everything: by default that
is this machine alone.
"""

from __future__ import annotations

import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription as Listener
from sensor_msgs.msg import Image

from inspire_bringup.definitions import definition
from inspire_bringup.recorded_topics import Subscription, names, subscriptions
from inspire_policy.ros.parameters import ConfigurationError, declare
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import IMAGE

LOOK_PERIOD = 0.25  # s, how often is looked who looks at what


def shown(cameras: tuple[str, ...]) -> tuple[Subscription, ...]:
    """Everything that is shown of a stack with these cameras: what is recorded, the overlay, diagnostics."""
    return (
        *subscriptions(cameras),
        Subscription("inspire/overlay", Image, IMAGE),
        Subscription("/diagnostics", DiagnosticArray, QoSProfile(depth=10)),
    )


class FoxgloveNode(Node):
    """See the module. Raises ConfigurationError without foxglove-sdk, or where the port is taken."""

    def __init__(self) -> None:
        super().__init__("foxglove")
        host = declare(
            self, "host", "127.0.0.1", "Address to listen on; 0.0.0.0: on every network, and nobody is asked who he is."
        )
        port = declare(self, "port", 8765, "Port to listen on; 0: any free one, see the log.", low=0, high=65535)
        cameras = declare(
            self, "cameras", "agentview,wrist", "Names of the cameras whose images are shown, between commas."
        )
        foxglove = _sdk()
        self._sdk_context = context = foxglove.Context()  # the server alone does not keep it alive
        try:
            self._server = foxglove.start_server(name="InSpire", host=host, port=port, context=context)
        except RuntimeError as error:
            raise ConfigurationError(
                f"foxglove: expected {host}:{port} to be free, found {error}; choose another port"
            ) from error
        self._topics = {}
        for topic in shown(names(cameras)):
            schema = foxglove.Schema(name=topic.datatype, encoding="ros2msg", data=definition(topic.datatype).encode())
            name = self.resolve_topic_name(topic.topic)
            self._topics[name] = topic, foxglove.Channel(name, schema=schema, message_encoding="cdr", context=context)
        self._listeners: dict[str, Listener] = {}
        self.create_timer(LOOK_PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"Foxglove may connect to ws://{host}:{self._server.port}")

    def on_stop(self) -> None:
        """Take leave of those who look."""
        self._server.stop()

    def _look(self) -> None:
        """Listen to what somebody looks at, and to nothing else."""
        for name, (topic, channel) in self._topics.items():
            if channel.has_sinks() and name not in self._listeners:
                self._listeners[name] = self._listen(topic, channel)
            elif not channel.has_sinks() and name in self._listeners:
                self.destroy_subscription(self._listeners.pop(name))

    def _listen(self, topic: Subscription, channel: Any) -> Listener:
        return self.create_subscription(topic.kind, topic.topic, lambda data: channel.log(data), topic.qos, raw=True)


def _sdk() -> Any:
    try:
        import foxglove
    except ImportError as error:
        raise ConfigurationError(
            f"foxglove: expected the Python package foxglove-sdk, found none ({error}); run: pip install foxglove-sdk"
        ) from error
    return foxglove


def main() -> int:
    """Entry point of the process."""
    return run_node(FoxgloveNode)


if __name__ == "__main__":
    sys.exit(main())
