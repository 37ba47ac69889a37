"""An MCAP file being written: under another name until it is complete, readable up to the last flush if it never is.

Messages are stored as they came over the wire (CDR), so a recording costs no second serialisation and loses nothing.
They are gathered into compressed blocks; `flush` ends a block and hands it to the system, so that a writer that is
killed loses only what came after.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mcap.writer import CompressionType, Writer

from inspire_bringup.definitions import definition


class RecordingError(Exception):
    """The recording was given up; no file is left behind, so that a full disk has room again.

    `name` is stable: `disk_full` or `not_writable`.
    """

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


class Recording:
    """An MCAP file being written.

    Args:
        path: of the finished file. While it is being written it is called `<path>.partial`, and so it stays when the
            writer is killed.

    Raises:
        RecordingError: from any method, once the file cannot be written; the partial file is removed by then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(path.name + ".partial")
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._stream: BinaryIO | None = None
        self.messages = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = open(self._partial, "wb")  # noqa: SIM115 - closed by close() or _give_up()
            self._writer = Writer(self._stream, compression=CompressionType.ZSTD, chunk_size=4 << 20)
            self._writer.start(profile="ros2", library="inspire_bringup")
        except OSError as error:
            raise self._give_up(error) from error

    def add_topic(self, topic: str, datatype: str) -> None:
        """Register a topic of a type such as "std_msgs/msg/String"."""
        try:
            if datatype not in self._schemas:
                text = definition(datatype).encode()
                self._schemas[datatype] = self._writer.register_schema(name=datatype, encoding="ros2msg", data=text)
            self._channels[topic] = self._writer.register_channel(topic, "cdr", self._schemas[datatype])
        except OSError as error:
            raise self._give_up(error) from error

    def write(self, topic: str, data: bytes, *, received: int, stamp: int | None = None) -> None:
        """Store a serialised message: received and stamp in nanoseconds; no stamp: the time of reception."""
        if self._stream is None:
            return
        try:
            self._writer.add_message(self._channels[topic], received, data, received if stamp is None else stamp)
            self.messages += 1
        except OSError as error:
            raise self._give_up(error) from error

    def add_metadata(self, name: str, entries: Mapping[str, str]) -> None:
        """Store a record of texts at once, outside the blocks of messages."""
        if self._stream is None:
            return
        try:
            self._writer.add_metadata(name, dict(entries))
        except OSError as error:
            raise self._give_up(error) from error

    def flush(self) -> None:
        """Hand everything so far to the system: it outlives this process, though not a power cut."""
        if self._stream is None:
            return
        try:
            self._writer.flush()
        except OSError as error:
            raise self._give_up(error) from error

    def close(self) -> None:
        """Finish the file and give it its name; a second call does nothing."""
        if self._stream is None:
            return
        try:
            self._writer.finish()
            self._stream.close()
            self._stream = None
            self._partial.replace(self.path)
        except OSError as error:
            raise self._give_up(error) from error

    def _give_up(self, error: OSError) -> RecordingError:
        if self._stream is not None:
            with suppress(OSError):  # the same full disk again, on flush
                self._stream.close()
            self._stream = None
        with suppress(OSError):  # there may not even be a folder
            self._partial.unlink()
        return RecordingError(
            "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "not_writable",
            f"recording: expected to write {self.path}, found: "
            f"{error.strerror or error}; free some space or choose another folder. "
            "The run goes on without a recording",
        )


def header_stamp(data: bytes) -> int:
    """Stamp (ns) of a serialised message whose first field is a std_msgs/Header."""
    order = "<" if data[1] & 1 else ">"  # encapsulation: second byte odd is little-endian
    seconds, nanoseconds = struct.unpack_from(order + "iI", data, 4)
    return seconds * 1_000_000_000 + nanoseconds
