"""Videos by PyAV: several episodes one after the other in one file, and frames back by their times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from inspire_training.lerobot.layout import LeRobotError

_CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"g": "2", "bf": "0", "crf": "18", "preset": "veryfast", "threads": "1"}),
    "av1": ("libsvtav1", {"g": "2", "crf": "30", "preset": "10"}),
}


class VideoWriter:
    """One file; every frame of one size, even in width and height."""

    def __init__(self, path: Path, codec: str, fps: int, width: int, height: int) -> None:
        import av

        name, options = _CODECS[codec]
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.frames = 0
        self._av = av
        self._container = av.open(str(path), "w")
        stream: Any = self._container.add_stream(name, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = self._period = Fraction(1, fps)
        self._stream = stream

    def add(self, images: np.ndarray) -> None:
        """Append frames, RGB uint8 (T, H, W, 3). Raises OSError on a full disk."""
        for image in images:
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = self.frames, self._period
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
            self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        for packet in self._stream.encode():
            self._container.mux(packet)
        self._container.close()


def read_video(path: Path, begin: float, count: int, fps: float) -> np.ndarray:
    """`count` frames from `begin` s on, RGB uint8 (count, H, W, 3). Raises LeRobotError where there are fewer."""
    frames = []
    try:
        for time, image in _decoded(path, begin):
            if time < begin - 0.5 / fps:
                continue
            frames.append(image)
            if len(frames) == count:
                break
    except OSError as error:
        raise LeRobotError(f"{path}: expected a video, found {error}; download the dataset again") from error
    if len(frames) < count:
        raise LeRobotError(
            f"{path}: expected {count} frames from {begin:.3f} s on, found {len(frames)}; download the dataset again"
        )
    return np.stack(frames)


def _decoded(path: Path, begin: float) -> Iterator[tuple[float, np.ndarray]]:
    """Time, s, and pixels of every frame from a key frame before `begin` on."""
    import av

    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        stream.thread_type = "SLICE"
        if begin > 0:
            container.seek(int(max(0.0, begin - 0.1) / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            yield float(frame.time), frame.to_ndarray(format="rgb24")
