"""Records a stack's topics to MCAP until SIGTERM: the whole run to one file, or every instruction to its own.

`recorder_node --ros-args -p path:=/where/topics.mcap` or `-p folder:=/where/episodes`. Subscribes by relative names
with deep queues, so that a slow disk loses nothing of a short run; it never slows the stack down. A full disk ends the
recording alone: of a whole run with exit code 2 and no file left, of episodes with an error in `/diagnostics`, and the
next instruction is tried again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from inspire_msgs.msg import CommanderStatus, EpisodeStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from inspire_bringup.episode_recording import Doing, EpisodeRecorder, RecordedTopic
from inspire_bringup.recorded_topics import Subscription, names, subscriptions
from inspire_bringup.recording import Recording, RecordingError, header_stamp
from inspire_policy.ros.parameters import ConfigurationError, declare
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import STATE

FLUSH_PERIOD = 0.5  # s, at most so much is lost when the recorder is killed
REPORT_PERIOD = 1.0  # s


class RecorderNode(Node):
    """Stores what it hears. Raises ConfigurationError when the file of a whole run cannot be written."""

    def __init__(self) -> None:
        super().__init__("recorder")
        path = declare(
            self, "path", "topics.mcap", "File of the whole run; it appears under this name once it is complete."
        )
        folder = declare(
            self, "folder", "", "Folder of one file per instruction; where it is given, `path` is not written."
        )
        bundle = declare(self, "bundle", "", "Name of the commander's bundle, told in the files of `folder`.")
        cameras = declare(
            self, "cameras", "agentview,wrist", "Names of the cameras whose images are recorded, between commas."
        )
        reserve = declare(
            self,
            "reserve_mb",
            200,
            "Disk space that is left to others, MB (10^6 bytes): below it the file of an instruction is closed.",
            low=0,
            high=1_000_000,
        )
        self._wanted = {self.resolve_topic_name(s.topic): s for s in subscriptions(names(cameras))}
        self._whole: Recording | None = None
        self._episodes: EpisodeRecorder | None = None
        if folder:
            topics = tuple(RecordedTopic(name, s.datatype, s.of_commander) for name, s in self._wanted.items())
            self._episodes = EpisodeRecorder(Path(folder), topics, bundle=bundle, reserve=reserve * 1_000_000)
        else:
            self._begin_whole(Path(path))
        for name, subscription in self._wanted.items():
            self._record(name, subscription)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(FLUSH_PERIOD, self._flush, clock=steady)
        if self._episodes is not None:
            self._told = ""
            self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", STATE)
            self.create_timer(REPORT_PERIOD, self._report, clock=steady)

    def on_stop(self) -> None:
        """Complete the file."""
        try:
            if self._whole is not None:
                self._whole.close()
        except RecordingError as error:
            print(f"error: {error}", file=sys.stderr)
        if self._episodes is not None:
            self._episodes.close()
            self._report()

    def _begin_whole(self, path: Path) -> None:
        try:
            self._whole = Recording(path)
            for name, subscription in self._wanted.items():
                self._whole.add_topic(name, subscription.datatype)
        except RecordingError as error:
            raise ConfigurationError(str(error)) from error

    def _record(self, name: str, subscription: Subscription) -> None:
        stamped = subscription.stamped

        def store(data: bytes) -> None:
            received = time.time_ns()
            stamp = header_stamp(data) if stamped else None
            if self._episodes is not None:
                self._episodes.add(name, data, received=received, stamp=stamp)
                self._heed(subscription.kind, data, received)
            elif self._whole is not None:
                self._attempt(self._whole.write, name, data, received=received, stamp=stamp)

        self.create_subscription(subscription.kind, subscription.topic, store, subscription.qos, raw=True)

    def _heed(self, kind: Any, data: bytes, received: int) -> None:
        """What begins, ends and judges an episode."""
        assert self._episodes is not None
        if kind is CommanderStatus:
            status = deserialize_message(data, CommanderStatus)
            self._episodes.told(
                Doing(
                    commander=status.commander_id,
                    instruction=status.instruction,
                    acting=status.state == CommanderStatus.ACTING,
                    reason=status.reason,
                    faulty=status.state in (CommanderStatus.REFUSED, CommanderStatus.ERROR),
                ),
                received=received,
            )
            self._report_news()
        elif kind is EpisodeStatus:
            episode = deserialize_message(data, EpisodeStatus)
            self._episodes.world_says(
                episode.instruction,
                over=episode.state in (EpisodeStatus.SUCCEEDED, EpisodeStatus.FAILED),
                success=episode.state == EpisodeStatus.SUCCEEDED,
                reason=episode.reason,
            )

    def _flush(self) -> None:
        if self._whole is not None:
            self._attempt(self._whole.flush)
        if self._episodes is not None:
            self._episodes.flush()
            self._report_news()

    def _attempt(self, action: Any, *args: Any, **options: Any) -> None:
        try:
            action(*args, **options)
        except RecordingError as error:
            raise ConfigurationError(str(error)) from error

    def _report_news(self) -> None:
        """Tell at once when a file is opened or closed, or cannot be written."""
        assert self._episodes is not None
        state = self._episodes.state
        news = f"{state.error} {state.file}"
        if news == self._told:
            return
        self._told = news
        if state.error:
            self.get_logger().error(f"{state.error}: {state.detail}")
        self._report()

    def _report(self) -> None:
        assert self._episodes is not None
        state = self._episodes.state
        status = DiagnosticStatus(name=f"{self.get_fully_qualified_name()}: episodes", hardware_id="disk")
        if state.error:
            status.level, status.message = DiagnosticStatus.ERROR, f"{state.error}: {state.detail}"
        else:
            status.level = DiagnosticStatus.OK
            status.message = f"recording {state.file}" if state.file else "waiting for an instruction"
        values = {
            "instruction": state.instruction,
            "messages": state.messages,
            "episodes": state.episodes,
            "lost": state.lost,
            **state.outcomes,
        }
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main() -> int:
    """Entry point of the process."""
    return run_node(RecorderNode)


if __name__ == "__main__":
    sys.exit(main())
