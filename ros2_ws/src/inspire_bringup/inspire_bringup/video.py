"""An mp4 of a recorded run: both cameras side by side, the instruction, each question with answer and truth.

Made after the run, from its MCAP file alone, so that drawing never disturbs the loop: `python -m inspire_bringup.video
RUN.mcap`. One frame per observation; in lockstep the video therefore plays in simulated time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspire_bringup.errors import BadInput
from inspire_policy.overlay import draw_overlay

FOOTER = 28  # px, the line with step and truth
_GREY = (150, 150, 150)
_STATES = ("idle", "waiting", "running", "succeeded", "failed")


@dataclass(frozen=True)
class Frame:
    """One observation of a run.

    Attributes:
        views: camera name -> RGB uint8 (height, width, 3), in the order they are shown.
        instruction: what the commander follows. words: its answer vocabulary.
        answers: with object, word and probabilities, in order of mention. truth: object -> word.
        step, state: of the episode.
    """

    views: Mapping[str, np.ndarray]
    instruction: str = ""
    words: Sequence[str] = ()
    answers: Sequence[Any] = ()
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
    rows = max(len(frame.answers) for frame in frames)
    height, width, _ = draw(frames[0], rows=rows).shape
    partial = video.with_name(f".{video.stem}.partial{video.suffix}")
    writer = imageio_ffmpeg.write_frames(
        str(partial), (width, height), fps=rate_hz, codec="libx264", quality=None, macro_block_size=2,
        output_params=["-crf", "20", "-preset", "veryfast", "-threads", "1", "-movflags", "+faststart"],
    )  # fmt: skip
    try:
        writer.send(None)
        shown = [*frames, *[frames[-1]] * int(rate_hz)]  # the end stays readable for a second
        for frame in shown:
            writer.send(draw(frame, rows=rows))
        writer.close()
        found = _frames_in(partial)  # ffmpeg's own failure is not passed on
        if found != len(shown):
            raise OSError(f"expected {len(shown)} frames in {partial}, found {found}; is the disk full?")
        partial.replace(video)
    finally:
        writer.close()
        partial.unlink(missing_ok=True)
    return len(frames)


def _frames_in(video: Path) -> int:
    """How many frames a video holds, 0 where it cannot be read."""
    import imageio_ffmpeg

    if not video.is_file() or video.stat().st_size == 0:
        return 0
    try:
        return int(imageio_ffmpeg.count_frames_and_secs(str(video))[0])
    except RuntimeError:
        return 0


def draw(frame: Frame, *, rows: int) -> np.ndarray:
    """A picture, RGB uint8 (height, width, 3), both even, of a frame with room for `rows` answers; what is wrong is
    said below.
    """
    picture = draw_overlay(frame.views, frame.instruction, frame.words, frame.answers, rows=rows)
    footer = np.full((FOOTER, picture.shape[1], 3), 24, dtype=np.uint8)
    judged = [(answer, frame.truth.get(answer.object, answer.word)) for answer in frame.answers]
    wrong = [f"{answer.object} is {true}" for answer, true in judged if true != answer.word]
    text = f"step {frame.step}  {frame.state}" + (f"   in truth: {', '.join(wrong)}" if wrong else "")
    cv2.putText(footer, text, (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _GREY, 1, cv2.LINE_AA)
    return np.concatenate([picture, footer])


def read_frames(recording: Path) -> Iterator[Frame]:
    """The observations of a recording, in order; the answers of a frame are the newest not younger than it."""
    images: dict[int, dict[str, Any]] = {}
    answers: dict[int, Any] = {}
    truths: dict[int, dict[str, str]] = {}
    statuses: list[Any] = []
    for topic, stamp, message in _messages(recording):
        if "/camera/" in topic:
            images.setdefault(stamp, {})[topic.split("/camera/")[1].split("/")[0]] = message
        elif topic.endswith("/inspire/answers"):
            answers[stamp] = message
        elif topic.endswith("/sim/answers"):
            truths[stamp] = {a.object: a.word for a in message.answers}
        elif topic.endswith("/sim/episode"):
            statuses.append((stamp, message))
    cameras = sorted({name for views in images.values() for name in views})
    newest: Any = None
    position = -1
    for stamp in sorted(images):
        newest = answers.get(stamp, newest)
        while position + 1 < len(statuses) and statuses[position + 1][0] <= stamp:
            position += 1
        status = statuses[position][1] if position >= 0 else None
        if set(images[stamp]) != set(cameras):
            continue  # an image was lost
        yield Frame(
            views={name: _pixels(images[stamp][name]) for name in cameras},
            instruction=status.instruction if status is not None else newest.instruction if newest is not None else "",
            words=newest.words if newest is not None else (),
            answers=newest.answers if newest is not None else (),
            truth=truths.get(stamp, {}),
            step=int(status.step) if status is not None else 0,
            state=_STATES[status.state] if status is not None else "",
        )


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
