"""The recorder of episodes as a process over real DDS: ended by SIGTERM, by SIGKILL, and on a disk that is full."""

import os
import signal
import subprocess
import time

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from inspire_msgs.msg import CommanderStatus, EndEffectorAction, EpisodeStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_bringup.processes import Processes
from inspire_bringup.record_stack import episode_recorder
from inspire_bringup.recorder_node import FLUSH_PERIOD
from inspire_policy.recordings import EPISODE, OUTCOME, RecordingReader
from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.qos import LATCHED

pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a fiftieth
MILK, CAN = "pick up the milk", "put the can in the bin"


class Bench:
    """A recorder process, and a node in the place of commander, world and operator."""

    def __init__(self, folder, log_folder, **options):
        self.folder = folder
        spec = episode_recorder(str(folder), bundle="tabletop", **options)
        self.processes = Processes([spec], environment=os.environ, log_folder=log_folder)
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=int(os.environ["ROS_DOMAIN_ID"]))
        self.node = rclpy.create_node("bench", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        deep = QoSProfile(depth=1000)
        self.statuses = self.node.create_publisher(CommanderStatus, "inspire/status", LATCHED)
        self.actions = self.node.create_publisher(EndEffectorAction, "inspire/action", deep)
        self.episodes = self.node.create_publisher(EpisodeStatus, "sim/episode", LATCHED)
        self.images = self.node.create_publisher(Image, "camera/wrist/color/image_raw", deep)
        self.reports = []
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.reports.append, deep)
        self.number = 0
        publishers = (self.statuses, self.actions, self.episodes, self.images)
        self.wait(lambda: all(p.get_subscription_count() for p in publishers))

    def close(self):
        self.processes.stop()
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def wait(self, condition, seconds=120.0):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; last report: {self.reports[-1:]}"
            assert self.processes.new_exits() == []
            self.executor.spin_once(timeout_sec=0.02)

    def report(self):
        return self.reports[-1].status[0] if self.reports else None

    def says(self, text):
        return lambda: self.report() is not None and text in self.report().message

    def acting(self, instruction):
        state = CommanderStatus.ACTING if instruction else CommanderStatus.READY
        self.statuses.publish(CommanderStatus(state=state, commander_id="teleop", instruction=instruction))
        expected = "recording " if instruction else "waiting"  # of a full disk is said "disk_full: recording: ..."
        self.wait(lambda: self.report() is not None and self.report().message.startswith(expected))

    def act(self, count):
        for _ in range(count):
            self.number += 1
            action = EndEffectorAction(commander_id="teleop", chunk_id=self.number)
            action.header.stamp.sec = self.number
            self.actions.publish(action)

    def files(self):
        return sorted(self.folder.glob("*.mcap*"))

    def on_disk(self, topic):
        """What the file that is being written holds of a topic."""
        (path,) = self.folder.glob("*.partial")
        with RecordingReader(path) as reader:
            return [message.content for message in reader.messages((topic,))]


@pytest.fixture
def bench(monkeypatch, tmp_path):
    for name, value in stack_environment(os.environ, domain_id=free_domain_id()).items():
        monkeypatch.setenv(name, value)
    started = []

    def start(folder, **options):
        started.append(Bench(folder, tmp_path / "logs", **options))
        return started[-1]

    yield start
    for one in started:
        one.close()
    remove_orphaned_segments()


def chunk_ids(path):
    """The numbers of the actions in a file, what it says of itself, and its damage."""
    with RecordingReader(path) as reader:
        numbers = [message.content.chunk_id for message in reader.messages(("/inspire/action",))]
        return numbers, reader.metadata, dict(reader.damage)


def test_every_instruction_has_its_file_and_sigterm_closes_the_last(bench, tmp_path):
    b = bench(tmp_path / "episodes")
    b.acting(MILK)
    b.act(20)
    for state in (EpisodeStatus.RUNNING, EpisodeStatus.SUCCEEDED):
        b.episodes.publish(EpisodeStatus(state=state, instruction=MILK))
        b.wait(lambda state=state: state in [status.state for status in b.on_disk("/sim/episode")])
    b.wait(lambda: len(b.on_disk("/inspire/action")) == 20)  # else another topic could overtake them
    b.acting("")
    (first,) = b.files()
    numbers, metadata, damage = chunk_ids(first)
    assert numbers == list(range(1, 21))
    assert damage == {}
    assert metadata[EPISODE] | {"instruction": MILK, "commander": "teleop", "bundle": "tabletop"} == metadata[EPISODE]
    assert metadata[OUTCOME]["outcome"] == "success"
    assert (metadata[OUTCOME]["first_stamp"], metadata[OUTCOME]["last_stamp"]) == ("1000000000", "20000000000")
    b.acting(CAN)
    b.act(5)
    b.wait(lambda: len(b.on_disk("/inspire/action")) == 5)
    b.processes.stop()
    (second,) = [path for path in b.files() if path != first]
    numbers, metadata, damage = chunk_ids(second)
    assert (numbers, damage) == (list(range(21, 26)), {})
    assert metadata[OUTCOME]["outcome"] == "interrupted"


def test_after_sigkill_everything_up_to_the_last_second_is_read(bench, tmp_path):
    b = bench(tmp_path / "episodes")
    b.acting(MILK)
    assert FLUSH_PERIOD <= 0.5
    for _ in range(2):  # without an end of the recording: what is there was flushed
        b.act(10)
        b.wait(lambda: len(b.on_disk("/inspire/action")) == b.number)
    safe = b.number
    b.act(10)
    os.kill(b.processes.pid("episode_recorder"), signal.SIGKILL)
    while not b.processes.new_exits():
        time.sleep(0.02)
    (path,) = b.files()
    assert path.name.endswith("_pick-up-the-milk.mcap.partial")
    numbers, metadata, damage = chunk_ids(path)
    assert numbers[:safe] == list(range(1, safe + 1))
    assert numbers == list(range(1, len(numbers) + 1))
    assert metadata[EPISODE]["instruction"] == MILK
    assert OUTCOME not in metadata
    assert damage == {"cut": 1}


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a file system of 1 MB cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_stops_the_recording_by_name_and_nothing_else(bench, tiny_disk):
    b = bench(tiny_disk / "episodes", reserve_mb=0)
    b.acting(MILK)

    def fill():
        b.images.publish(Image(height=100, width=100, step=300, encoding="rgb8", data=os.urandom(30_000)))
        return b.says("disk_full")()

    b.wait(fill)
    assert b.report().level == DiagnosticStatus.ERROR
    assert "expected to write" in b.report().message
    assert b.files() == []  # others need the room
    b.statuses.publish(CommanderStatus(state=CommanderStatus.READY, commander_id="teleop"))
    b.acting(CAN)  # the recorder lives, and the next instruction is recorded
    b.act(5)
    b.wait(lambda: len(b.on_disk("/inspire/action")) == 5)
    b.acting("")
    (path,) = b.files()
    assert chunk_ids(path)[0] == [1, 2, 3, 4, 5]
    assert {value.key: value.value for value in b.report().values}["lost"] == "1"
