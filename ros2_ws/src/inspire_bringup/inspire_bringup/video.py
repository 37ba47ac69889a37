"""An mp4 of a recorded run: both cameras side by side, the instruction, each question with answer and truth.

Made after the run, from its MCAP file alone, so that drawing never disturbs the loop: `python -m inspire_bringup.video
RUN.mcap`. One frame per observation; in lockstep the video therefore plays in simulated time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspire_bringup.errors import BadInput
from inspire_policy.directions import question

VIEW = 384  # px, height and width of each camera in the video
LINE = 26  # px per line of text
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _GREY, _GREEN, _RED = (240, 240, 240), (150, 150, 150), (110, 220, 120), (255, 110, 100)


@dataclass(frozen=True)
class Frame:
    """One observation of a run.

    Attributes:
        views: camera name -> RGB uint8 (height, width, 3), in the order they are shown.
        instruction: what the commander follows. answers: object -> word, in order of mention; truth: likewise.
        step, state: of the episode.
    """

    views: Mapping[str, np.ndarray]
    instruction: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    truth: Mapping[str, str] = field(default_factory=dict)
    step: int = 0
    state: str = ""


def write_video(recording: Path, video: Path, *, rate_hz: float = 20.0) -> int:
    """Render the video of a recording; returns the number of frames.

    The file appears only when it is complete. Raises BadInput when the recording holds no images, OSError when the
    disk is full.
    """
    import imageio_ffmpeg

    frames = list(read_frames(recording))
    if not frames:
        raise BadInput(
            f"video: expected images of both cameras in {recording}, found none; was the run stopped before it began?"
        )
    lines = max(1, *(len(frame.answers) for frame in frames))
    size = (VIEW * len(frames[0].views), VIEW + LINE * (lines + 2))
    partial = video.with_name(f".{video.stem}.partial{video.suffix}")
    writer = imageio_ffmpeg.write_frames(
        str(partial), size, fps=rate_hz, codec="libx264", quality=None, macro_block_size=2,
        output_params=["-crf", "20", "-preset", "veryfast", "-threads", "1", "-movflags", "+faststart"],
    )  # fmt: skip
    try:
        writer.send(None)
        for frame in frames:
            writer.send(draw(frame, lines=lines))
        for _ in range(int(rate_hz)):  # the end stays readable for a second
            writer.send(draw(frames[-1], lines=lines))
        writer.close()
        if not partial.is_file() or partial.stat().st_size == 0:
            raise OSError(f"expected a video in {partial}, found none; is the disk full?")
        partial.replace(video)
    finally:
        writer.close()
        partial.unlink(missing_ok=True)
    return len(frames)


def draw(frame: Frame, *, lines: int) -> np.ndarray:
    """A picture, RGB uint8 (VIEW + LINE * (lines + 2), VIEW * cameras, 3), of a frame with room for `lines` answers."""
    views = [cv2.resize(view, (VIEW, VIEW), interpolation=cv2.INTER_CUBIC) for view in frame.views.values()]
    picture = np.full((VIEW + LINE * (lines + 2), VIEW * len(views), 3), 24, dtype=np.uint8)
    picture[:VIEW] = np.hstack(views)
    for index, name in enumerate(frame.views):
        _write(picture, name, (VIEW * index + 8, 20), _WHITE, 0.5)
    _write(picture, frame.instruction or "(no instruction)", (10, VIEW + LINE - 6), _WHITE, 0.6)
    for row, (name, word) in enumerate(frame.answers.items(), start=2):
        end = _write(picture, question(name), (10, VIEW + LINE * row - 6), _GREY, 0.5)
        true = frame.truth.get(name)
        end = _write(picture, word, (end + 10, VIEW + LINE * row - 6), _GREEN if true in (None, word) else _RED, 0.6)
        if true not in (None, word):
            _write(picture, f"(truth: {true})", (end + 10, VIEW + LINE * row - 6), _GREY, 0.5)
    _write(picture, f"step {frame.step}  {frame.state}", (10, picture.shape[0] - 8), _GREY, 0.5)
    return picture


def _write(picture: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int], scale: float) -> int:
    """Draw a line of text, shrunk to the picture's width; returns the x where it ends."""
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    room = picture.shape[1] - place[0] - 6
    if width > room > 0:
        scale, width = scale * room / width, room
    cv2.putText(picture, text, place, _FONT, scale, colour, 1, cv2.LINE_AA)
    return place[0] + width


def read_frames(recording: Path) -> Iterator[Frame]:
    """The observations of a recording, in order; the answers of a frame are the newest not younger than it."""
    images: dict[int, dict[str, Any]] = {}
    answers: dict[int, dict[str, str]] = {}
    truths: dict[int, dict[str, str]] = {}
    statuses: list[Any] = []
    instructions: dict[int, str] = {}
    for topic, stamp, message in _messages(recording):
        if "/camera/" in topic:
            images.setdefault(stamp, {})[topic.split("/camera/")[1].split("/")[0]] = message
        elif topic.endswith("/inspire/answers"):
            answers[stamp] = {a.object: a.word for a in message.answers}
            instructions[stamp] = message.instruction
        elif topic.endswith("/sim/answers"):
            truths[stamp] = {a.object: a.word for a in message.answers}
        elif topic.endswith("/sim/episode"):
            statuses.append((stamp, message))
    cameras = sorted({name for views in images.values() for name in views})
    newest: dict[str, str] = {}
    instruction = ""
    position = -1
    for stamp in sorted(images):
        newest = answers.get(stamp, newest)
        while position + 1 < len(statuses) and statuses[position + 1][0] <= stamp:
            position += 1
        status = statuses[position][1] if position >= 0 else None
        instruction = instructions.get(stamp) or (status.instruction if status is not None else instruction)
        if set(images[stamp]) != set(cameras):
            continue  # an image was lost
        views = {name: _pixels(images[stamp][name]) for name in cameras}
        state = _STATES[status.state] if status is not None else ""
        yield Frame(
            views, instruction, newest, truths.get(stamp, {}), int(status.step) if status is not None else 0, state
        )


_STATES = ("idle", "waiting", "running", "succeeded", "failed")


def _messages(recording: Path) -> Iterator[tuple[str, int, Any]]:
    """Topic, stamp (ns) and message of what a video needs."""
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    wanted = ("/color/image_raw", "/inspire/answers", "/sim/answers", "/sim/episode")
    with open(recording, "rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        summary = reader.get_summary()
        if summary is None:
            raise BadInput(f"video: expected a complete MCAP file, found none in {recording}")
        topics = [channel.topic for channel in summary.channels.values() if channel.topic.endswith(wanted)]
        if not topics:
            return
        for _, channel, record, message in reader.iter_decoded_messages(topics=topics):
            yield channel.topic, int(record.publish_time), message


def _pixels(message: Any) -> np.ndarray:
    """RGB uint8 (height, width, 3) of a recorded rgb8 image."""
    rows = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    return rows[:, : 3 * message.width].reshape(message.height, message.width, 3)


def main() -> int:
    """Render one recording."""
    parser = argparse.ArgumentParser(prog="python -m inspire_bringup.video", description=__doc__)
    parser.add_argument("recording", type=Path, help="MCAP file of a run.")
    parser.add_argument("--out", type=Path, default=None, help="The mp4. Default: beside the recording.")
    options = parser.parse_args()
    if not options.recording.is_file():
        raise BadInput(f"recording: expected an MCAP file, found none at {options.recording}")
    video = options.out or options.recording.with_suffix(".mp4")
    print(f"{video}: {write_video(options.recording, video)} frames")
    return 0


if __name__ == "__main__":
    from inspire_bringup.options import finish

    finish(main)
