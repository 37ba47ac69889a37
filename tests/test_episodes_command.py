"""`inspire episodes` on recordings of a robot whose sensors have stamps of their own, on cut ones and on rubbish."""

import json

import h5py
import pytest
from recorded_robot import BEGIN, MILK, SECOND, position, record_robot

from inspire_policy.recordings import OUTCOME
from inspire_training.data.frames import open_frames
from inspire_training.data.hdf5 import read_trajectories
from inspire_training.episodes.command import main
from inspire_training.model.presets import PRESETS

CAMERAS = ("--agentview", "scene")


@pytest.fixture
def convert(tmp_path, capsys):
    """Run the command: its exit code and the counts that it printed, and what it said about each file left out."""

    def run(*arguments, out="demos"):
        code = main([*map(str, arguments), "--out", str(tmp_path / out)])
        printed = capsys.readouterr()
        return code, json.loads(printed.out), printed.err

    return run


def test_a_robots_recording_becomes_a_labelled_episode(tmp_path, convert):
    (tmp_path / "in").mkdir()
    _, leads = record_robot(tmp_path / "in")
    code, counts, _ = convert(tmp_path / "in", *CAMERAS)
    assert (code, counts["recordings"], counts["written"], counts["skipped"]) == (0, 1, 1, {})
    (t,) = read_trajectories(tmp_path / "demos" / "episodes-000.hdf5")
    assert (t.instruction, t.objects, t.success, t.on_policy) == (MILK, ("milk", "bin"), True, False)
    with h5py.File(tmp_path / "demos" / "episodes-000.hdf5") as file:
        published, stamps = file["labels/demo_0/leads"][:], file["labels/demo_0/stamps"][:]
    assert published.tobytes() == leads.tobytes()
    seconds = (stamps - BEGIN) / SECOND
    for i, second in enumerate(seconds):
        assert t.positions[i] == pytest.approx(position(second), abs=1e-6)
        newest = (stamps[i] - BEGIN) * 100 // SECOND // 3 * 3  # of images at a third of the arm's rate
        assert t.images_agentview[i, 5, 5, 0] == newest * 30 // 100 % 256
    assert t.images_agentview.shape[1:] == (16, 20, 3)
    assert t.images_agentview[0, 0, 0].tolist() == [1, 2, 3]
    held = seconds[t.grasped[:, 0]]
    assert held[0] == pytest.approx(2.3, abs=0.15)
    assert held[-1] == pytest.approx(4.1, abs=0.15)
    assert t.directions[0].tolist() == [-3, -2]  # the milk below, the bin to the right
    frames = open_frames(tmp_path / "demos" / "episodes-000.hdf5", PRESETS["tabletop"].cameras, 8)
    assert len(frames) == len(t)


def test_only_what_succeeded_is_taken_unless_more_is_asked_for(tmp_path, convert):
    (tmp_path / "in").mkdir()
    for reason in ("judged_success: seen", "judged_failure: dropped", "canceled: an empty instruction"):
        record_robot(tmp_path / "in", reason=reason)
    code, counts, said = convert(tmp_path / "in", *CAMERAS)
    assert (code, counts["written"], counts["skipped"]) == (0, 1, {"failure": 1, "unjudged": 1})
    assert "judged_failure: dropped" in said
    _, counts, _ = convert(tmp_path / "in", *CAMERAS, "--outcomes", "success,failure,unjudged", out="all")
    assert counts["written"] == 3
    assert sorted(t.success for t in read_trajectories(tmp_path / "all" / "episodes-000.hdf5")) == [False, False, True]


def test_what_cannot_become_an_episode_is_named_and_counted(tmp_path, convert):
    folder = tmp_path / "in"
    folder.mkdir()
    record_robot(folder)
    record_robot(folder, commander="policy")
    record_robot(folder, instruction="go home")
    record_robot(folder, instruction="put the milk and the can in the bin")
    record_robot(folder, pause=(2.5, 3.5))
    record_robot(folder, blind_after=3.0)
    (folder / "empty.mcap").write_bytes(b"")
    (folder / "rubbish.mcap").write_bytes(b"what is this" * 100)
    code, counts, said = convert(folder, *CAMERAS, "--commanders", "teleop")
    assert (code, counts["recordings"], counts["written"]) == (0, 8, 1)
    assert counts["skipped"] == {
        **{"other_commander": 1, "no_object_named": 1, "grasps_do_not_match": 1, "gap": 1},
        **{"no_observations": 1, "empty_file": 1, "not_mcap": 1},
    }
    assert said.count("left out") == 7
    code, counts, _ = convert(folder, "--commanders", "teleop", out="wrong")  # no camera of that name
    assert (code, counts["written"]) == (1, 0)


def test_of_cut_and_damaged_recordings_what_is_whole_is_used(tmp_path, convert):
    folder = tmp_path / "in"
    folder.mkdir()
    path, _ = record_robot(folder)
    content = path.read_bytes()
    ends = content.index(OUTCOME.encode()) - 13  # where the record begins that tells how it ended
    (folder / "no_footer.mcap.partial").write_bytes(content[: len(content) - 40])
    (folder / "no_outcome.mcap.partial").write_bytes(content[:ends])
    for cut in (20, 500, ends // 2):
        (folder / f"cut_{cut}.mcap.partial").write_bytes(content[:cut])
    for i, place in enumerate((300, ends // 2, ends + 100)):
        damaged = bytearray(content)
        damaged[place : place + 4] = b"\xff\x00\xff\x00"
        (folder / f"damaged_{i}.mcap").write_bytes(bytes(damaged))
    code, counts, said = convert(folder, *CAMERAS)
    assert code == 0
    assert counts["recordings"] == 9
    assert counts["written"] + sum(counts["skipped"].values()) == 9
    assert counts["written"] >= 2, said  # the whole one and the one that lacks only its footer
    assert counts["damaged"]["cut"] >= 4
    assert "no_outcome.mcap.partial: unjudged: the recording was cut before its end" in said
    _, counts, _ = convert(folder / "no_outcome.mcap.partial", *CAMERAS, "--outcomes", "unjudged", out="cut")
    assert counts["written"] == 1


def test_bad_options_are_refused_before_anything_is_read(tmp_path, convert):
    (tmp_path / "in").mkdir()
    with pytest.raises(FileNotFoundError, match="expected MCAP files"):
        convert(tmp_path / "in")
    record_robot(tmp_path / "in")
    with pytest.raises(ValueError, match="outcomes: expected some of"):
        convert(tmp_path / "in", "--outcomes", "good")
    convert(tmp_path / "in", *CAMERAS)
    with pytest.raises(ValueError, match="expected a folder without"):
        convert(tmp_path / "in", *CAMERAS)
