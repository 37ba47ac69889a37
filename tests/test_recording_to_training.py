"""From a recorded episode to a training run: the expert in lockstep is recorded, converted and trained on."""

import os
import re
import shlex
import subprocess
import time
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import rclpy
from commands import ROOT, start
from inspire_msgs.msg import EndEffectorAction
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from test_repository import documented_commands

from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_policy.action import ActionContract, osc_from_lead
from inspire_policy.directions import REP103, is_tie
from inspire_policy.recordings import EPISODE, OUTCOME, SUCCESS, RecordingReader
from inspire_policy.ros.domains import free_domain_id
from inspire_policy.ros.messages import lead_of, pose_arrays, stamp_ns
from inspire_training.data.hdf5 import read_trajectories
from inspire_training.episodes.command import main
from inspire_training.episodes.labels import Heights
from inspire_training.episodes.recorded import read_header, read_recorded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # seconds of a loaded machine; a quiet one takes a tenth
SEED = 4
STALL = 2 * 10**9  # ns of the world: as long as a process of a loaded machine may hear nothing


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """One episode of the expert: its recording, what a subscriber heard of its actions, and a disk that was full."""
    folder = tmp_path_factory.mktemp("run")
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], capture_output=True)
    domain = free_domain_id()
    environment = stack_environment(os.environ, domain_id=domain)
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node("listener", context=context)
    heard: list[EndEffectorAction] = []
    node.create_subscription(EndEffectorAction, "inspire/action", heard.append, QoSProfile(depth=2000))
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    process = start(
        "inspire_bringup.run", "sim", "--commander", "expert", "--seeds", SEED, "--image-size", 64,
        "--record-episodes", folder / "episodes", "--logs", folder / "logs", "--ready-timeout", 250,
        *(("--record", disk / "topics.mcap") if mounted.returncode == 0 else ()), environment=environment,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 500
        while process.poll() is None:
            assert time.monotonic() < deadline, "the run never ended"
            executor.spin_once(timeout_sec=0.05)
        output, errors = process.communicate()
    finally:
        process.kill()
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
        remove_orphaned_segments()
    assert process.returncode == 0, errors
    yield SimpleNamespace(
        folder=folder / "episodes", heard=heard, errors=errors, output=output, full=mounted.returncode == 0,
        why=mounted.stderr.decode(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def demos(recorded, tmp_path_factory):
    """The recording as training episodes: the folder."""
    folder = tmp_path_factory.mktemp("demos") / "demos"
    assert main([str(recorded.folder), "--out", str(folder)]) == 0
    return folder


def truths(path):
    """Stamp -> SceneTruth of a recording."""
    with RecordingReader(path) as reader:
        return {message.stamp: message.content for message in reader.messages(("/sim/truth",))}


def test_the_recording_says_what_it_holds(recorded):
    (path,) = recorded.folder.glob("*")
    with RecordingReader(path) as reader:
        assert list(reader.messages(("/camera/wrist/color/image_raw",)))
        assert not reader.damage
    assert reader.metadata[EPISODE]["commander"] == "expert"
    assert reader.metadata[OUTCOME]["outcome"] == SUCCESS
    stamps = sorted({stamp_ns(action.header.stamp) for action in recorded.heard})
    ends = int(reader.metadata[OUTCOME]["first_stamp"]), int(reader.metadata[OUTCOME]["last_stamp"])
    assert ends == pytest.approx((stamps[0], stamps[-1]), rel=0, abs=STALL)


def test_a_full_disk_costs_the_recording_on_it_and_nothing_else(recorded):
    if not recorded.full:
        pytest.skip(f"a file system of 200 kB cannot be mounted here: {recorded.why}")
    assert "recording: expected to write" in recorded.errors
    assert '"success": true' in recorded.output


def test_actions_are_what_the_expert_published_float_for_float(recorded, demos):
    published = {stamp_ns(action.header.stamp): action for action in recorded.heard}
    (t,) = read_trajectories(demos / "episodes-000.hdf5")
    with h5py.File(demos / "episodes-000.hdf5") as file:
        leads, stamps = file["labels/demo_0/leads"][:], file["labels/demo_0/stamps"][:]
        stored = file["data/demo_0/actions"][:]
    rows = [row for row, stamp in enumerate(map(int, stamps)) if stamp in published]
    assert len(rows) > 0.5 * max(len(stamps), len(published)), "too much was missed by the recorder or the listener"
    said = [published[int(stamp)] for stamp in stamps[rows]]
    exact = [
        [*(getattr(a.translation_lead, x) for x in "xyz"), *(getattr(a.rotation_lead, x) for x in "xyz"),
         a.gripper_opening] for a in said
    ]  # fmt: skip
    assert leads[rows].tobytes() == np.array(exact, dtype=np.float64).tobytes()
    actions = np.array([osc_from_lead(lead_of(a), ActionContract()) for a in said]).astype(np.float32)
    assert t.executed_actions.tobytes() == t.expert_actions.tobytes()
    assert t.expert_actions[rows].tobytes() == actions.tobytes()
    assert stored[rows].astype(np.float32).tobytes() == actions.tobytes()


def test_frames_are_what_the_robot_saw_before_each_action(recorded, demos):
    (path,) = recorded.folder.glob("*")
    (t,) = read_trajectories(demos / "episodes-000.hdf5")
    truth = truths(path)
    with RecordingReader(path) as reader:
        views = {m.stamp: m.content for m in reader.messages(("/camera/agentview/color/image_raw",))}
    with h5py.File(demos / "episodes-000.hdf5") as file:
        stamps = file["labels/demo_0/stamps"][:]
    known = [(i, stamp) for i, stamp in enumerate(map(int, stamps)) if stamp in truth]
    assert len(known) > 0.5 * len(stamps), "too much of the truth was missed by the recorder"
    for i, stamp in known:
        assert t.positions[i].tobytes() == pose_arrays(truth[stamp].tool_pose)[0].astype(np.float32).tobytes()
        assert t.images_agentview[i].tobytes() == bytes(views[stamp].data)


@pytest.mark.parametrize(("heights", "at_least"), [(Heights(), 0.9), (Heights(0.0, 0.0), 0.75)])
def test_labels_agree_with_the_truth(recorded, heights, at_least):
    from inspire_training.episodes.command import to_trajectory

    (path,) = recorded.folder.glob("*")
    header = read_header(path)
    frames = read_recorded(path, header, cameras=("agentview", "wrist"), tolerance=0.15, max_frames=1000)
    t, truth = to_trajectory(frames, (), heights), truths(path)
    right = compared = ties = 0
    for i, stamp in enumerate(map(int, frames.stamps)):
        if (scene := truth.get(stamp)) is None:
            continue
        for n, name in enumerate(t.objects):
            state = next(state for state in scene.objects if state.name == name)
            offset = pose_arrays(state.pose)[0] - pose_arrays(scene.tool_pose)[0]
            if not state.grasped and is_tie(offset):
                ties += 1
            else:
                compared += 1
                right += int(t.directions[i, n]) == REP103.axis_of[state.direction]
    print(f"{heights}: {right} of {compared} labels as in truth ({right / compared:.1%}), {ties} ties")
    assert right / compared >= at_least


def test_what_the_guide_says_leads_from_recordings_to_a_trained_policy(recorded, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "episodes").symlink_to(recorded.folder)
    (tmp_path / "training").symlink_to(ROOT / "training")
    lines = [line for document, line in documented_commands() if document == "docs/recording.md"]
    wanted = [line for line in lines if re.match(r"\.venv/bin/inspire (episodes|train) ", line)]
    assert len(wanted) == 2
    for line in wanted:
        words = shlex.split(line)
        if words[1] == "train":  # one step instead of half an hour
            at = words.index("--minutes")
            words[at : at + 2] = ["--steps", "1", "--batch", "2", "--validation-frames", "2"]
        ended = subprocess.run([str(ROOT / words[0]), *words[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
    assert list((tmp_path / "runs/tuned/checkpoints").glob("step-*"))
