"""Are VGA images lost on the way with the shipped DDS profile? `python -m inspire_bringup.soak_frames`.

A source of its own process publishes 640x480 images with the cameras' quality of service (best effort, depth 1) as fast
as a reader in another process takes them: the next one goes out when the last one was taken. One that is not taken
within --patience seconds is lost. Every image carries its number in stamp and pixels, and both are read.
Exit codes: 0 none lost, 1 some lost or damaged, 2 bad input, 3 the reader failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import UInt64

from inspire_bringup.environment import shared_memory_warning, stack_environment
from inspire_bringup.errors import BadInput, ExitCode, StackFailure
from inspire_bringup.options import Parser, finish
from inspire_bringup.runner import say
from inspire_policy.ros.messages import rgb_view, stamp_ns, to_rgb_image
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import IMAGE

WIDTH, HEIGHT = 640, 480
TOPIC, TAKEN = "soak/image_raw", "soak/taken"
DAMAGED = 1 << 63  # told instead of the number of an image whose pixels are another's
_SEVERAL = QoSProfile(depth=100)


class Reader(Node):
    """Takes images and tells their numbers."""

    def __init__(self) -> None:
        super().__init__("soak_reader")
        self._taken = self.create_publisher(UInt64, TAKEN, _SEVERAL)
        self.create_subscription(Image, TOPIC, self._on_image, IMAGE)

    def _on_image(self, message: Image) -> None:
        number = stamp_ns(message.header.stamp)
        pixels = rgb_view(message)
        corners = (pixels[0, 0, 0], pixels[-1, -1, -1])
        whole = pixels.shape == (HEIGHT, WIDTH, 3) and all(int(corner) == number % 251 for corner in corners)
        self._taken.publish(UInt64(data=number if whole else DAMAGED))


class Source:
    """Publishes images one by one. A context manager."""

    def __init__(self) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = Node("soak_source", context=self._context, enable_rosout=False, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._publisher = self._node.create_publisher(Image, TOPIC, IMAGE)
        self._newest = -1
        self.damaged = 0
        self._node.create_subscription(UInt64, TAKEN, self._on_taken, _SEVERAL)
        self._messages = [
            to_rgb_image(np.full((HEIGHT, WIDTH, 3), value, dtype=np.uint8), 0, "camera") for value in range(251)
        ]

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        self._context.try_shutdown()

    def connected(self) -> bool:
        """Whether the reader hears images and is heard."""
        self._executor.spin_once(timeout_sec=0.05)
        return bool(self._publisher.get_subscription_count() and self._node.count_publishers(TAKEN))

    def send(self, number: int, patience: float) -> bool:
        """Publish image `number` and wait until it was taken; False when it was not within `patience` s."""
        message = self._messages[number % 251]
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(number, 1_000_000_000)
        damaged = self.damaged
        self._publisher.publish(message)
        deadline = time.monotonic() + patience
        while self._newest < number and self.damaged == damaged:
            if time.monotonic() > deadline:
                return False
            self._executor.spin_once(timeout_sec=0.05)
        return True

    def _on_taken(self, message: UInt64) -> None:
        if message.data == DAMAGED:
            self.damaged += 1
        else:
            self._newest = max(self._newest, message.data)


def run(frames: int, patience: float) -> tuple[int, int, float]:
    """Send images to a reader process; (lost, damaged, s). Raises StackFailure when the reader does not come up."""
    reader = subprocess.Popen([sys.executable, "-m", "inspire_bringup.soak_frames", "--reader"])
    try:
        with Source() as source:
            deadline = time.monotonic() + 60.0
            while not source.connected():
                if reader.poll() is not None or time.monotonic() > deadline:
                    raise StackFailure(f"frames: expected a reader within 60 s, found exit status {reader.poll()}")
            while not source.send(0, 0.1):  # either side is connected a bit later than it looks from the other
                if time.monotonic() > deadline:
                    raise StackFailure("frames: expected the reader to take a first image within 60 s, found none")
            begin, told, lost = time.monotonic(), time.monotonic(), 0
            for number in range(1, frames + 1):
                lost += not source.send(number, patience)
                if time.monotonic() - told > 10.0:
                    told = time.monotonic()
                    say(f"{number} of {frames} images, {number / (told - begin):.0f} a second, {lost} lost")
                if reader.poll() is not None:
                    raise StackFailure(f"frames: expected the reader to live, found exit status {reader.poll()}")
            return lost, source.damaged, time.monotonic() - begin
    finally:
        reader.terminate()
        reader.wait(10.0)


def main(arguments: list[str] | None = None) -> int:
    """Run and return the exit code. Raises BringupError."""
    parser = Parser(
        prog="python -m inspire_bringup.soak_frames",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--frames", type=int, default=100_000, help="Images to send. Default: 100000.")
    parser.add_argument("--patience", type=float, default=2.0, help="Seconds until one is lost. Default: 2.")
    parser.add_argument("--reader", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.frames < 1 or not options.patience > 0:
        raise BadInput(f"frames: expected 1 or more and a patience > 0, found {options.frames}, {options.patience}")
    if options.reader:
        return run_node(Reader, [])
    os.environ.update(stack_environment(os.environ))
    warning = shared_memory_warning(2)
    if warning:
        say(f"warning: {warning}")
    lost, damaged, seconds = run(options.frames, options.patience)
    print(
        f"{options.frames} images of {WIDTH}x{HEIGHT}, {lost} lost, {damaged} damaged, "
        f"{options.frames / seconds:.0f} a second",
        flush=True,
    )
    return ExitCode.TASK_FAILED if lost or damaged else ExitCode.OK


if __name__ == "__main__":
    finish(main)
