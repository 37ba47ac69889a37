"""A video is made from a recording alone; what a full disk leaves of it and of the result."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from inspire_msgs.msg import DirectionAnswer, DirectionAnswers, EpisodeStatus
from rclpy.serialization import serialize_message

from inspire_bringup.errors import BadInput
from inspire_bringup.recording import Recording
from inspire_bringup.video import read_frames, write_video
from inspire_policy.ros.messages import to_rgb_image, to_stamp

PERIOD = 50_000_000  # ns
TYPES = {
    "/camera/agentview/color/image_raw": "sensor_msgs/msg/Image",
    "/camera/wrist/color/image_raw": "sensor_msgs/msg/Image",
    "/inspire/answers": "inspire_msgs/msg/DirectionAnswers",
    "/sim/answers": "inspire_msgs/msg/DirectionAnswers",
    "/sim/episode": "inspire_msgs/msg/EpisodeStatus",
}


def answers(stamp, word):
    message = DirectionAnswers(instruction="take the milk", words=["left", "up"])
    message.header.stamp = to_stamp(stamp)
    message.answers = [DirectionAnswer(object="milk", word=word, axis=2, probabilities=[0.9, 0.1])]
    return message


@pytest.fixture
def recording(tmp_path):
    """Ten observations; the model answers at the first and the fifth, wrongly at the fifth."""
    path = tmp_path / "topics.mcap"
    writer = Recording(path)
    for topic, kind in TYPES.items():
        writer.add_topic(topic, kind)

    def write(topic, message, stamp):
        writer.write(topic, serialize_message(message), received=stamp, stamp=stamp)

    for i in range(10):
        stamp = (i + 1) * PERIOD
        for camera in ("agentview", "wrist"):
            pixels = np.full((32, 32, 3), 20 * i, dtype=np.uint8)
            write(f"/camera/{camera}/color/image_raw", to_rgb_image(pixels, stamp, camera), stamp)
        write("/sim/answers", answers(stamp, "left"), stamp)
        if i in (0, 4):
            write("/inspire/answers", answers(stamp, "left" if i == 0 else "up"), stamp)
        status = EpisodeStatus(state=EpisodeStatus.RUNNING, step=i, instruction="take the milk")
        write("/sim/episode", status, stamp)
    writer.close()
    return path


def test_frames_pair_images_of_one_stamp_with_the_newest_answer(recording):
    frames = list(read_frames(recording))
    assert len(frames) == 10
    assert [frame.answers[0].word for frame in frames] == ["left"] * 4 + ["up"] * 6
    assert [frame.step for frame in frames] == list(range(10))
    assert frames[3].truth == {"milk": "left"}
    assert all((frame.views["wrist"] == 20 * i).all() for i, frame in enumerate(frames))


def test_the_video_has_every_frame_and_shows_them(recording, tmp_path):
    import imageio.v3 as imageio

    video = tmp_path / "video.mp4"
    assert write_video(recording, video) == 10
    pictures = imageio.imread(video, plugin="FFMPEG")
    assert len(pictures) == 30  # and a second of the last one
    assert pictures.shape[2] > pictures.shape[1]  # two cameras side by side
    middle = pictures[:10, 150, 100].astype(int).mean(axis=1)
    assert (np.diff(middle) > 5).all()  # every frame is brighter than the one before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["topics.mcap", "video.mp4"]


def test_a_recording_without_images_is_refused(tmp_path):
    path = tmp_path / "empty.mcap"
    Recording(path).close()
    with pytest.raises(BadInput, match="expected images"):
        write_video(path, tmp_path / "video.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["empty.mcap"]


FULL = textwrap.dedent("""
    import json, resource, signal, sys
    from pathlib import Path
    from inspire_bringup import demo
    from inspire_sim.results import EpisodeResult

    recording, folder, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # every write beyond fails, as on a full disk
    notes = {}
    demo._video(recording, folder / "video.mp4", notes)
    result = EpisodeResult(seed=7, split="train", task="milk_bin", instruction="", objects=("milk", "bin"),
                           success=True, failure="", reason="", steps=9, max_steps=240, wall_s=1.0)
    demo._write_result(folder / "result.json", result, {"world": "tabletop"}, notes)
""")


@pytest.mark.parametrize("limit", [0, 1000, 2500])
def test_a_full_disk_costs_the_files_but_not_the_result(recording, tmp_path, limit):
    folder = tmp_path / "run"
    folder.mkdir()
    command = [sys.executable, "-c", FULL, str(recording), str(folder), str(limit)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "warning: no video: " in ended.stderr
    content = (folder / "result.json").read_text() if (folder / "result.json").exists() else ended.stdout
    result = json.loads(content)
    assert result["episodes"][0]["seed"] == 7 and result["success"] and result["video_error"]
    if limit < len(content):
        assert "expected to write" in ended.stderr and "the result follows here" in ended.stderr
        assert list(folder.iterdir()) == []
    else:
        assert [path.name for path in folder.iterdir()] == ["result.json"]
