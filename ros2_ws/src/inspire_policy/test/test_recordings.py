"""What is whole of an MCAP file is read, whatever happened to the rest."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, Writer

from inspire_policy.recordings import EPISODE, OUTCOME, RecordingReader, UnreadableRecording

TEXT = b"string data\n"
BLOCKS, IN_A_BLOCK = 5, 20


def cdr(text: str) -> bytes:
    data = text.encode() + b"\0"
    return b"\0\1\0\0" + struct.pack("<I", len(data)) + data


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A complete recording: bytes of the file, and where each block ends."""
    path = tmp_path_factory.mktemp("whole") / "whole.mcap"
    ends = []
    noise = np.random.default_rng(0)
    with open(path, "wb") as stream:
        writer = Writer(stream, compression=CompressionType.ZSTD)
        writer.start(profile="ros2", library="test")
        writer.add_metadata(EPISODE, {"instruction": "pick up the milk"})
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", TEXT)
        channel = writer.register_channel("/left/instruction", "cdr", schema)
        for i in range(BLOCKS * IN_A_BLOCK):
            writer.add_message(channel, i, cdr(f"{i} {noise.bytes(20).hex()}"), i + 1000)
            if i % IN_A_BLOCK == IN_A_BLOCK - 1:
                writer.flush()
                ends.append(stream.tell())
        writer.add_metadata(OUTCOME, {"outcome": "success"})
        writer.finish()
    return path.read_bytes(), ends


def read(path):
    with RecordingReader(path) as reader:
        messages = list(reader.messages(("/instruction",)))
        return reader, [int(message.content.data.split()[0]) for message in messages]


def test_a_complete_file_is_read_in_order(whole, tmp_path):
    (tmp_path / "a.mcap").write_bytes(whole[0])
    reader, numbers = read(tmp_path / "a.mcap")
    assert numbers == list(range(BLOCKS * IN_A_BLOCK))
    assert reader.metadata == {EPISODE: {"instruction": "pick up the milk"}, OUTCOME: {"outcome": "success"}}
    assert not reader.damage


def test_stamps_and_topics_are_those_of_the_message(whole, tmp_path):
    (tmp_path / "a.mcap").write_bytes(whole[0])
    with RecordingReader(tmp_path / "a.mcap") as reader:
        first = next(reader.messages(("/instruction",)))
        assert (first.topic, first.received, first.stamp) == ("/left/instruction", 0, 1000)
        assert list(reader.messages(("/nothing",))) == []


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_file_cut_anywhere_gives_every_block_before_the_cut(whole, tmp_path_factory, data):
    content, ends = whole
    cut = data.draw(st.integers(min_value=1, max_value=len(content) - 1))
    path = tmp_path_factory.mktemp("cut") / "cut.mcap.partial"
    path.write_bytes(content[:cut])
    try:
        reader, numbers = read(path)
    except UnreadableRecording as error:
        assert error.name == "not_mcap"
        assert cut < 8
        return
    assert len(numbers) >= IN_A_BLOCK * sum(end <= cut for end in ends)
    assert numbers == list(range(len(numbers)))
    assert reader.damage.keys() <= {"cut"}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_wrong_bytes_anywhere_cost_a_block_or_the_rest_and_never_more(whole, tmp_path_factory, data):
    content, ends = whole
    place = data.draw(st.integers(min_value=8, max_value=ends[-1] - 1))
    wrong = data.draw(st.binary(min_size=1, max_size=8))
    damaged = bytearray(content)
    damaged[place : place + len(wrong)] = wrong
    path = tmp_path_factory.mktemp("damaged") / "damaged.mcap"
    path.write_bytes(bytes(damaged))
    _, numbers = read(path)
    assert set(range(IN_A_BLOCK * sum(end <= place for end in ends))) <= set(numbers), "a block before it was lost"
    assert numbers == sorted(set(numbers))


def test_a_damaged_block_is_counted_and_the_others_are_read(whole, tmp_path):
    content, ends = whole
    damaged = bytearray(content)
    damaged[ends[2] - 400] ^= 0xFF  # in the third block's data, well before its index
    damaged[ends[1] + 60 : ends[1] + 80] = bytes(20)
    (tmp_path / "a.mcap").write_bytes(bytes(damaged))
    reader, numbers = read(tmp_path / "a.mcap")
    assert reader.damage["damaged_chunk"] == 1
    assert numbers == [i for i in range(BLOCKS * IN_A_BLOCK) if i // IN_A_BLOCK != 2]


def test_messages_outlive_the_block_that_described_them(whole, tmp_path):
    content, ends = whole
    damaged = bytearray(content)
    damaged[ends[0] // 2] ^= 0xFF
    (tmp_path / "a.mcap").write_bytes(bytes(damaged))
    _, numbers = read(tmp_path / "a.mcap")  # the summary at the end describes them as well
    assert numbers == list(range(IN_A_BLOCK, BLOCKS * IN_A_BLOCK))
    (tmp_path / "b.mcap").write_bytes(bytes(damaged[: ends[-1]]))
    reader, numbers = read(tmp_path / "b.mcap")
    assert numbers == []
    assert reader.damage["unknown_channel"] == (BLOCKS - 1) * IN_A_BLOCK


@pytest.mark.parametrize(("content", "name"), [(b"", "empty_file"), (b"not an mcap file", "not_mcap")])
def test_another_kind_of_file_is_named(tmp_path, content, name):
    (tmp_path / "a.mcap").write_bytes(content)
    with pytest.raises(UnreadableRecording, match=name) as caught:
        RecordingReader(tmp_path / "a.mcap")
    assert caught.value.name == name


def test_a_message_that_is_not_of_its_type_is_counted(tmp_path):
    with open(tmp_path / "a.mcap", "wb") as stream:
        writer = Writer(stream)
        writer.start()
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", TEXT)
        channel = writer.register_channel("/instruction", "cdr", schema)
        writer.add_message(channel, 0, cdr("1 good"), 0)
        writer.add_message(channel, 1, b"\0\1\0\0\1", 1)
        writer.finish()
    reader, numbers = read(tmp_path / "a.mcap")
    assert numbers == [1]
    assert reader.damage == {"undecodable": 1}
