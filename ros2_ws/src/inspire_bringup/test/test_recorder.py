"""The recorder node over real DDS, and what happens to a recording when the disk is full."""

import os
import subprocess
import sys
import textwrap
import time
from contextlib import suppress

import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

from inspire_bringup.definitions import definition
from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_bringup.processes import Processes
from inspire_bringup.recording import Recording, header_stamp
from inspire_bringup.stacks import recorder, sim_stack
from inspire_policy.recordings import RecordingReader, UnreadableRecording
from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.qos import LATCHED


@pytest.fixture
def domain(monkeypatch):
    domain = free_domain_id()
    for name, value in stack_environment(os.environ, domain_id=domain).items():
        monkeypatch.setenv(name, value)
    yield domain
    remove_orphaned_segments()


def read(path):
    """Topic -> decoded messages of an MCAP file."""
    messages = {}
    with open(path, "rb") as stream:
        for _, channel, _, message in make_reader(stream, decoder_factories=[DecoderFactory()]).iter_decoded_messages():
            messages.setdefault(channel.topic, []).append(message)
    return messages


def on_disk(path):
    """Topics of the messages in a recording that is being written."""
    topics = ("/left/inspire/answers", "/left/inspire/action", "/left/camera/wrist/color/image_raw")
    with suppress(UnreadableRecording), RecordingReader(path.with_name(f"{path.name}.partial")) as reader:
        return {message.topic for message in reader.messages(topics)}
    return set()  # nothing was flushed yet


def wait_for(condition, timeout=120.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_what_is_published_is_recorded_bit_for_bit_and_closed_on_sigterm(domain, tmp_path):
    import rclpy
    from inspire_msgs.msg import DirectionAnswer, DirectionAnswers, EndEffectorAction
    from sensor_msgs.msg import Image

    path = tmp_path / "topics.mcap"
    spec = recorder(sim_stack(commander="expert", namespace="left"), str(path))
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node("source", namespace="/left", context=context)
    try:
        with Processes([spec], environment=os.environ, log_folder=tmp_path / "logs") as processes:
            answers = node.create_publisher(DirectionAnswers, "inspire/answers", LATCHED)
            actions = node.create_publisher(EndEffectorAction, "inspire/action", 1)
            images = node.create_publisher(Image, "camera/wrist/color/image_raw", 1)
            wait_for(lambda: all(p.get_subscription_count() for p in (answers, actions, images)))
            said = DirectionAnswers(instruction="pick up the milk", words=["left", "up"])
            said.answers = [DirectionAnswer(object="milk", word="up", axis=3, probabilities=[0.25, 0.75])]
            answers.publish(said)
            done = EndEffectorAction(commander_id="expert", chunk_id=7, gripper_opening=0.5)
            done.header.stamp.sec, done.header.stamp.nanosec = 12, 34
            done.translation_lead.x = 0.1
            actions.publish(done)
            seen = Image(height=2, width=2, encoding="rgb8", step=6, data=bytes(range(12)))
            # Best effort: what comes before the reader has discovered its writer is lost.
            wait_for(lambda: images.publish(seen) or len(on_disk(path)) == 3)
            assert processes.new_exits() == []
            assert not path.exists()  # not before it is complete
        messages = read(path)
    finally:
        node.destroy_node()
        context.try_shutdown()
    (answer,) = messages["/left/inspire/answers"]
    assert answer.instruction == "pick up the milk"
    assert [(a.object, a.word, a.axis, list(a.probabilities)) for a in answer.answers] == [
        ("milk", "up", 3, [0.25, 0.75])
    ]
    (action,) = messages["/left/inspire/action"]
    assert (action.chunk_id, action.translation_lead.x, action.header.stamp.nanosec) == (7, 0.1, 34)
    image, *_ = messages["/left/camera/wrist/color/image_raw"]
    assert bytes(image.data) == bytes(range(12))
    with open(path, "rb") as stream:
        stamps = {c.topic: m.publish_time for _, c, m in make_reader(stream).iter_messages()}
    assert stamps["/left/inspire/action"] == 12_000_000_034
    assert list(tmp_path.glob("*.partial")) == []


FILL = textwrap.dedent("""
    import resource, signal, sys
    from pathlib import Path
    from inspire_bringup.recording import Recording, RecordingError

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # every write beyond fails, as on a full disk
    recording = Recording(Path(sys.argv[1]))
    recording.add_topic("/instruction", "std_msgs/msg/String")
    import os
    try:
        for i in range(10_000):
            recording.write("/instruction", os.urandom(10_000), received=i)
    except RecordingError as error:
        print(error)
        recording.write("/instruction", b"", received=0)
        recording.close()
        sys.exit(7)
""")


def test_a_full_disk_leaves_a_clear_message_and_no_file(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "topics.mcap")], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 7, ended.stderr
    assert "expected to write" in ended.stdout
    assert "goes on without a recording" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_recorder_that_cannot_write_says_so_and_ends_alone(domain, tmp_path):
    (tmp_path / "file").write_text("")
    spec = recorder(sim_stack(commander="expert"), str(tmp_path / "file" / "topics.mcap"))
    with Processes([spec], environment=os.environ, log_folder=tmp_path / "logs") as processes:
        exits = []
        wait_for(lambda: exits.extend(processes.new_exits()) or exits)
    assert not exits[0].spec.required
    assert exits[0].complaint().startswith("recording: expected to write")


def test_definitions_hold_every_type_inside_once():
    text = definition("inspire_msgs/msg/ActionChunk")
    nested = [line.removeprefix("MSG: ") for line in text.splitlines() if line.startswith("MSG: ")]
    assert sorted(nested) == sorted(set(nested))
    assert {
        "std_msgs/Header",
        "builtin_interfaces/Time",
        "inspire_msgs/EndEffectorAction",
        "geometry_msgs/Vector3",
    } == set(nested)


def test_stamps_are_read_from_serialised_messages():
    from geometry_msgs.msg import PoseStamped
    from rclpy.serialization import serialize_message

    message = PoseStamped()
    message.header.stamp.sec, message.header.stamp.nanosec = 5, 250_000_000
    assert header_stamp(serialize_message(message)) == 5_250_000_000


def test_nothing_appears_under_the_final_name_before_close(tmp_path):
    path = tmp_path / "a" / "topics.mcap"
    recording = Recording(path)
    assert not path.exists()
    recording.close()
    recording.close()
    assert path.exists()
    assert [p.name for p in path.parent.iterdir()] == ["topics.mcap"]
