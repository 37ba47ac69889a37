"""Which messages belong to a recording, how it is named and how it ends: the core without a graph."""

import errno
from pathlib import Path

import pytest

from inspire_bringup.episode_recording import PREROLL, Doing, EpisodeRecorder, RecordedTopic, slug
from inspire_bringup.recording import Recording, RecordingError
from inspire_policy.recordings import EPISODE, OUTCOME, RecordingReader

ACTION, NEWS, POSE = "/inspire/action", "/instruction", "/arm/state_pose"
TOPICS = (
    RecordedTopic(ACTION, "std_msgs/msg/String", of_commander=True),
    RecordedTopic(NEWS, "std_msgs/msg/String"),
    RecordedTopic(POSE, "std_msgs/msg/String"),
)
MILK = "pick up the milk"


def cdr(text):
    data = text.encode() + b"\0"
    return b"\0\1\0\0" + len(data).to_bytes(4, "little") + data


class Told:
    """A recorder that is told things one after the other, a nanosecond apart."""

    def __init__(self, folder, **options):
        self.now = 0
        self.folder = folder
        self.recorder = EpisodeRecorder(folder, TOPICS, **options)
        self.state = self.recorder.state

    def hear(self, topic, text, stamp=None):
        self.now += 1
        self.recorder.add(topic, cdr(text), received=self.now, stamp=stamp)

    def status(self, acting, instruction=MILK, commander="teleop", reason="", faulty=False):
        self.now += 1
        doing = Doing(commander, instruction if acting else "", acting, reason, faulty)
        self.recorder.told(doing, received=self.now)

    @property
    def files(self):
        return sorted(self.folder.glob("*"))


def content(path: Path):
    with RecordingReader(path) as reader:
        said = [message.content.data for message in reader.messages((ACTION, NEWS, POSE))]
        assert not reader.damage
        return said, reader.metadata[EPISODE], reader.metadata.get(OUTCOME)


def test_one_file_for_each_instruction_with_who_what_and_how_it_ended(tmp_path):
    told = Told(tmp_path / "new" / "folder", bundle="tabletop")
    told.status(acting=False)
    for instruction, end in ((MILK, "judged_success: seen"), ("Put the can in the bin!", "")):
        told.status(True, instruction)
        told.hear(ACTION, instruction, stamp=100)
        told.hear(ACTION, "again", stamp=150)
        told.status(True, instruction)  # said again and again
        told.status(False, reason=end)
    first, second = sorted(told.files, key=lambda path: path.name.split("_")[2])
    assert first.name.endswith("_pick-up-the-milk.mcap")
    assert second.name.endswith("_put-the-can-in-the-bin.mcap")
    said, episode, outcome = content(first)
    assert said == [MILK, "again"]
    assert (episode["commander"], episode["instruction"], episode["bundle"]) == ("teleop", MILK, "tabletop")
    assert outcome == {
        **{"outcome": "success", "reason": "judged_success: seen", "actions": "2", "messages": "2"},
        **{"first_stamp": "100", "last_stamp": "150"},
    }
    assert content(second)[2]["outcome"] == "unjudged"
    assert told.state.outcomes == {"success": 1, "unjudged": 1}


def test_the_observation_of_the_first_action_is_in_the_file_though_it_came_before(tmp_path):
    told = Told(tmp_path)
    for i in range(PREROLL + 5):
        told.hear(POSE, f"pose {i}", stamp=i)
    told.hear(POSE, "the last one again", stamp=PREROLL + 4)  # a body that waits; it counts once
    told.hear(ACTION, "an early action", stamp=PREROLL + 4)
    told.status(True)
    told.hear(ACTION, "an action", stamp=PREROLL + 5)
    told.status(False)
    said, *_ = content(told.files[0])
    poses = [f"pose {i}" for i in range(5, PREROLL + 4)]
    assert said == [*poses, "the last one again", "an early action", "an action"]


def test_what_a_waiting_body_says_again_is_recorded_once(tmp_path):
    told = Told(tmp_path)
    told.status(True)
    for topic, text in ((POSE, "here"), (POSE, "here"), (POSE, "there"), (ACTION, "go"), (ACTION, "go")):
        told.hear(topic, text, stamp=7)
    told.status(False)
    assert content(told.files[0])[0] == ["here", "there", "go", "go"]


def test_nothing_a_commander_did_before_belongs_to_the_next_instruction(tmp_path):
    told = Told(tmp_path)
    told.status(True)
    told.hear(ACTION, "for the milk", stamp=1)
    told.hear(POSE, "pose", stamp=2)
    told.status(True, "put the can in the bin")  # straight from one to the other
    told.hear(ACTION, "for the can", stamp=3)
    told.status(False)
    said = {path.name.split("_")[2]: content(path)[0] for path in told.files}
    assert said == {
        "pick-up-the-milk.mcap": ["for the milk", "pose"],
        "put-the-can-in-the-bin.mcap": ["pose", "for the can"],
    }


def test_two_of_the_same_name_do_not_overwrite_each_other(tmp_path):
    told = Told(tmp_path)
    for _ in range(3):
        told.status(True)
        told.hear(ACTION, "x", stamp=1)
        told.status(False)
    assert len(told.files) == 3


def test_another_commander_neither_ends_a_recording_nor_begins_a_second(tmp_path):
    told = Told(tmp_path)
    told.status(True, commander="teleop")
    told.status(False, commander="policy")
    told.status(True, "put the can in the bin", commander="policy")
    assert len(told.files) == 1
    told.status(False, commander="teleop")
    told.status(True, "put the can in the bin", commander="policy")  # said again every second
    told.status(False, commander="policy")
    assert [content(path)[1]["commander"] for path in told.files] == ["teleop", "policy"]


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ([(False, False), (True, True)], "success"),
        ([(False, False), (True, False)], "failure"),
        ([(True, True), (True, True)], "unjudged"),  # over before this instruction began
        ([(False, False)], "unjudged"),
    ],
)
def test_a_simulated_world_judges_what_ends_while_the_instruction_runs(tmp_path, words, outcome):
    told = Told(tmp_path)
    told.status(True)
    for over, success in words:
        told.recorder.world_says(MILK, over=over, success=success, reason="")
    told.status(False)
    assert content(told.files[0])[2]["outcome"] == outcome


def test_a_fault_and_an_end_of_the_recorder_are_told_apart(tmp_path):
    told = Told(tmp_path)
    told.status(True)
    told.status(False, reason="arm/acquire: expected to hold the lease, found it ended", faulty=True)
    told.status(True, "put the can in the bin")
    told.recorder.close()
    assert sorted(content(path)[2]["outcome"] for path in told.files) == ["fault", "interrupted"]


def test_below_the_reserve_a_file_is_closed_whole_and_none_is_begun_until_there_is_room(tmp_path):
    free = [1000]
    told = Told(tmp_path, reserve=500, free=lambda folder: free[0])
    told.status(True)
    told.hear(ACTION, "x", stamp=1)
    told.recorder.flush()
    free[0] = 499
    told.recorder.flush()
    assert told.state.error == "disk_full"
    assert content(told.files[0])[2]["outcome"] == "disk_full"
    told.status(True)
    told.hear(ACTION, "y", stamp=2)
    told.status(False)
    told.status(True, "put the can in the bin")
    assert len(told.files) == 1
    told.status(False)
    free[0] = 1000
    told.status(True, "put the can in the bin")
    assert told.state.error == ""
    told.status(False)
    assert len(told.files) == 2


def test_a_folder_that_cannot_be_written_is_named_and_raises_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    told = Told(tmp_path / "file")
    told.status(True)
    told.hear(ACTION, "x", stamp=1)
    told.recorder.flush()
    told.status(False)
    assert told.state.error == "not_writable"
    assert told.state.lost == 1


def test_a_disk_that_is_full_leaves_no_file_and_the_next_instruction_is_tried_again(tmp_path, monkeypatch):
    told = Told(tmp_path)
    told.status(True)
    flush = Recording.flush

    def full(self):
        raise self._give_up(OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(Recording, "flush", full)
    told.recorder.flush()
    assert (told.state.error, told.files) == ("disk_full", [])
    told.status(True)  # the same one again
    assert told.files == []
    monkeypatch.setattr(Recording, "flush", flush)
    told.status(False)
    told.status(True)
    told.status(False)
    assert len(told.files) == 1


def test_an_error_has_a_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError) as caught:
        Recording(tmp_path / "file" / "x.mcap")
    assert caught.value.name == "not_writable"


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [("Pick up the milk!", "pick-up-the-milk"), ("../../etc", "etc"), ("牛奶", "instruction"), ("a" * 300, "a" * 60)],
)
def test_an_instruction_becomes_part_of_a_file_name(instruction, expected):
    assert slug(instruction) == expected
