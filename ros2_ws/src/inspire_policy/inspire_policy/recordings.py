"""Recordings of one instruction each, as the recorder writes them and training reads them: an MCAP file, no rclpy.

Two metadata records say what a file holds: EPISODE, written when it is opened, and OUTCOME, written when it is closed.
A file whose writer was killed ends anywhere and has no footer and no OUTCOME. The reader here therefore never looks at
the footer: it walks the records from the start, takes every one that is whole, and names and counts what is not.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

EPISODE = "inspire_episode"
OUTCOME = "inspire_outcome"
SCHEMA_VERSION = "1"
SUFFIX = ".mcap"
PARTIAL_SUFFIX = ".mcap.partial"

SUCCESS, FAILURE, UNJUDGED = "success", "failure", "unjudged"
FAULT, INTERRUPTED, DISK_FULL = "fault", "interrupted", "disk_full"
OUTCOMES = (SUCCESS, FAILURE, UNJUDGED, FAULT, INTERRUPTED, DISK_FULL)

_MAGIC = bytes((137, 77, 67, 65, 80, 48, 13, 10))
_HEADER = 9  # bytes: opcode and length of a record


class UnreadableRecording(ValueError):
    """Nothing of a file can be used. `name` is stable and counted; the text says what was expected and found."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


@dataclass(frozen=True)
class RecordedMessage:
    """One message: its topic, when it was received (ns, wall clock), its own stamp (ns) and its decoded content."""

    topic: str
    received: int
    stamp: int
    content: Any


@dataclass(frozen=True)
class _Record:
    opcode: int
    offset: int
    length: int


class RecordingReader:
    """What is whole of an MCAP file. A context manager.

    Args:
        path: of the file, complete or cut.

    Attributes:
        metadata: name of a metadata record -> its entries; the last one of a name counts.
        damage: what is not whole, by name: `cut` (the file ends within a record), `damaged_chunk` (a block of messages
            whose checksum or content is wrong), `unknown_channel` (messages whose description was in such a block),
            `undecodable` (a message that is not of its type). Messages are counted while they are read.

    Raises:
        UnreadableRecording: `empty_file`, or `not_mcap`. OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: dict[str, dict[str, str]] = {}
        self.damage: Counter[str] = Counter()
        self._schemas: dict[int, Any] = {}
        self._channels: dict[int, Any] = {}
        self._stream: BinaryIO = open(path, "rb")  # noqa: SIM115 - closed by close()
        try:
            self._chunks = [record for record in self._walk() if self._is_chunk(record)]
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> RecordingReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def messages(self, topics: Collection[str]) -> Iterator[RecordedMessage]:
        """The messages of topics that end in one of `topics`, such as "/inspire/action", in the file's order."""
        from mcap.records import Channel, Message, Schema
        from mcap.stream_reader import breakup_chunk

        decoders: dict[int, Callable[[bytes], Any] | None] = {}
        for record in self._chunks:
            try:
                content = breakup_chunk(self._chunk(record), validate_crc=True)
            except Exception:
                # A damaged block fails in many ways: in the checksum, in zstd, in a length that leads nowhere.
                self.damage["damaged_chunk"] += 1
                continue
            for part in content:
                if isinstance(part, Schema):
                    self._schemas[part.id] = part
                elif isinstance(part, Channel):
                    self._channels[part.id] = part
                elif isinstance(part, Message):
                    found = self._decoded(part, tuple(topics), decoders)
                    if found is not None:
                        yield found

    def _decoded(
        self, part: Any, topics: tuple[str, ...], decoders: dict[int, Callable[[bytes], Any] | None]
    ) -> RecordedMessage | None:
        channel = self._channels.get(part.channel_id)
        if channel is None:
            self.damage["unknown_channel"] += 1
            return None
        if not channel.topic.endswith(topics):
            return None
        if part.channel_id not in decoders:
            decoders[part.channel_id] = self._decoder(channel)
        decode = decoders[part.channel_id]
        if decode is not None:
            try:
                return RecordedMessage(channel.topic, part.log_time, part.publish_time, decode(part.data))
            except Exception:  # whatever a decoder trips over in wrong bytes
                pass
        self.damage["undecodable"] += 1
        return None

    def _decoder(self, channel: Any) -> Callable[[bytes], Any] | None:
        from mcap_ros2.decoder import DecoderFactory

        try:
            return DecoderFactory().decoder_for(channel.message_encoding, self._schemas.get(channel.schema_id))
        except Exception:  # a description that is no description
            return None

    def _walk(self) -> Iterator[_Record]:
        """The records outside chunks, up to the end or to where the file is cut."""
        size = os.fstat(self._stream.fileno()).st_size
        if size == 0:
            raise UnreadableRecording("empty_file", f"expected an MCAP file, found {self.path} empty")
        if self._stream.read(len(_MAGIC)) != _MAGIC:
            raise UnreadableRecording("not_mcap", f"expected an MCAP file, found another kind in {self.path}")
        offset = len(_MAGIC)
        while offset < size:
            if size - offset == len(_MAGIC) and self._read(offset, len(_MAGIC)) == _MAGIC:
                return
            head = self._read(offset, _HEADER)
            length = int.from_bytes(head[1:], "little")
            if len(head) < _HEADER or length > size - offset - _HEADER:
                break
            yield _Record(head[0], offset + _HEADER, length)
            offset += _HEADER + length
        self.damage["cut"] += 1

    def _is_chunk(self, record: _Record) -> bool:
        """Whether a record is a chunk; of the others, remember what describes the messages and the episode."""
        from mcap.opcode import Opcode
        from mcap.records import Channel, Metadata, Schema

        kinds = {int(Opcode.SCHEMA): Schema, int(Opcode.CHANNEL): Channel, int(Opcode.METADATA): Metadata}
        kind: Any = kinds.get(record.opcode)
        if kind is not None:
            try:
                found = kind.read(self._data(record))
            except Exception:  # as with a damaged chunk
                self.damage["damaged_record"] += 1
                return False
            if isinstance(found, Schema):
                self._schemas[found.id] = found
            elif isinstance(found, Channel):
                self._channels[found.id] = found
            else:
                self.metadata[found.name] = dict(found.metadata)
        return record.opcode == int(Opcode.CHUNK)

    def _chunk(self, record: _Record) -> Any:
        from mcap.records import Chunk

        return Chunk.read(self._data(record))

    def _data(self, record: _Record) -> Any:
        from mcap.data_stream import ReadDataStream

        return ReadDataStream(io.BytesIO(self._read(record.offset, record.length)))

    def _read(self, offset: int, length: int) -> bytes:
        self._stream.seek(offset)
        return self._stream.read(length)
