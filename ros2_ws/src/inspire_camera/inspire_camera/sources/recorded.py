"""A recording of librealsense: .bag of older versions, .db3 of newer ones, played at its own pace."""

from __future__ import annotations

from pathlib import Path

import pyrealsense2 as rs

from inspire_camera.errors import CameraError


class RecordedSource:
    """A recording.

    Args:
        file: of librealsense's recorder. repeat: begin again at its end. replayed: the first frame is now; otherwise
            the stamps are those of the recording.

    Raises:
        CameraError: no such file.
    """

    def __init__(self, file: Path, *, repeat: bool = False, replayed: bool = True) -> None:
        if not file.is_file():
            raise CameraError(
                f"file: expected a recording (.bag or .db3) of librealsense's recorder, found no file {str(file)!r}; "
                "give its absolute path"
            )
        self.replayed = replayed
        self._file = file
        self.repeat = repeat
        self._context = rs.context()
        self._device: rs.playback | None = None

    def connect(self) -> rs.device:
        """The recording from its start. Raises CameraError when librealsense cannot read it."""
        try:
            self._device = self._context.load_device(str(self._file))
        except RuntimeError as error:
            raise CameraError(
                f"file: expected a recording (.bag or .db3) of librealsense's recorder, found {str(self._file)!r}, "
                f"which it cannot read: {error}"
            ) from error
        self._device.set_real_time(True)
        return self._device

    def started(self) -> None:
        """Nothing to do: it plays."""

    def over(self) -> bool:
        """Whether the recording has been played to its end."""
        return self._device is not None and self._device.current_status() == rs.playback_status.stopped

    def release(self) -> None:
        """Forget the player, which closes the file; each connection has one of its own."""
        self._device = None
