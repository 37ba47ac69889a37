"""The loop closed over real DDS: world, gate and expert as processes, driven as a user drives them."""

import json
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from mcap.reader import make_reader


def recorded(path, *topics):
    """(topic, stamp) -> serialised message, repeats of a stamp once."""
    with open(path, "rb") as stream:
        messages = make_reader(stream).iter_messages(topics=list(topics), log_time_order=False)
        return {(channel.topic, message.publish_time): message.data for _, channel, message in messages}


@pytest.mark.slow
def test_the_demo_succeeds_and_leaves_what_it_promises(demo, tmp_path):
    ended = demo("--commander", "expert", "--instruction", "pick up the milk and place it in the bin")
    assert ended.code == 0, ended.errors
    assert ended.output.startswith("success: the milk is in the bin after ")
    run = tmp_path / "run"
    assert {"video.mp4", "topics.mcap", "result.json", "logs"} == {path.name for path in run.iterdir()}
    result = json.loads((run / "result.json").read_text())
    assert result["schema_version"] == 1
    assert result["success"] is True
    assert result["success_rate"] == 1.0
    low, high = result["wilson95"]
    assert 0 < low < high <= 1
    (episode,) = result["episodes"]
    assert episode["task"] == "milk_bin"
    assert episode["objects"] == ["milk", "bin"]
    assert episode["clamps"] == 0
    assert result["video_frames"] > episode["steps"]
    topics = {topic for topic, _ in recorded(run / "topics.mcap")}
    assert {"/instruction", "/inspire/action", "/arm/target_pose", "/arm/state_pose", "/sim/episode"} <= topics
    assert {"/camera/agentview/color/image_raw", "/camera/wrist/color/image_raw", "/arm/gripper_state"} <= topics


@pytest.mark.slow
def test_two_lockstep_runs_of_one_seed_are_bit_identical(run, tmp_path):
    topics = ("/inspire/action", "/arm/target_pose", "/arm/gripper_target", "/arm/state_pose")
    runs = []
    for name in ("first", "second"):
        path = tmp_path / f"{name}.mcap"
        ended = run("--commander", "expert", "--episodes", 1, "--seed", 4, "--record", path)
        assert ended.code == 0, ended.errors
        runs.append((ended.episodes[0]["steps"], recorded(path, *topics)))
    (steps, first), (other_steps, second) = runs
    assert steps == other_steps
    actions = sorted(stamp for topic, stamp in first if topic == "/inspire/action")
    assert len(actions) >= steps  # nothing was lost
    during = [key for key in first if actions[0] <= key[1] <= actions[steps - 1]]
    assert len(during) >= 4 * steps
    assert all(first[key] == second[key] for key in during)


@pytest.mark.slow
def test_two_stacks_in_two_namespaces_do_not_disturb_each_other(domain_id, tmp_path):
    sides = {"left": 4, "right": 7}
    alone, together = {}, {}
    for results, parallel in ((alone, False), (together, True)):
        processes = {}
        for side, seed in sides.items():
            processes[side] = subprocess.Popen(
                [sys.executable, "-m", "inspire_bringup.run", "sim", "--commander", "expert", "--namespace", side,
                 "--episodes", "1", "--seed", str(seed), "--logs", str(tmp_path / f"{side}{parallel}")],
                stdout=subprocess.PIPE, text=True, cwd=ROOT,
            )  # fmt: skip
            if not parallel:
                processes[side].wait(timeout=280)
        for side, process in processes.items():
            output, _ = process.communicate(timeout=280)
            assert process.returncode == 0
            results[side] = json.loads(output)
    for side in sides:
        assert together[side]["success"]
        for what in ("seed", "task", "steps", "clamps"):
            assert together[side][what] == alone[side][what]


@pytest.mark.slow
def test_the_runner_stops_everything_on_sigterm_and_reports_a_node_that_dies(domain_id, tmp_path):
    def start():
        return subprocess.Popen(
            [sys.executable, "-m", "inspire_bringup.run", "sim", "--commander", "expert",
             "--logs", str(tmp_path / "logs")],
            stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
        )  # fmt: skip

    runner = start()
    assert "sim stack in ROS domain" in runner.stderr.readline()
    nodes = children(runner.pid)
    assert len(nodes) == 3
    runner.send_signal(signal.SIGTERM)
    runner.communicate(timeout=60)
    assert runner.returncode == 0
    assert not any(alive(pid) for pid in nodes)

    runner = start()
    assert "sim stack in ROS domain" in runner.stderr.readline()
    gate = next(pid for pid in children(runner.pid) if "arm_gate" in command_of(pid))
    subprocess.run(["kill", "-KILL", str(gate)], check=True)
    _, errors = runner.communicate(timeout=60)
    assert runner.returncode == 3
    assert "node arm_gate ended (killed by SIGKILL)" in errors
    assert not any(alive(pid) for pid in nodes)


@pytest.mark.slow
def test_nodes_do_not_outlive_a_runner_that_is_killed(domain_id, tmp_path):
    runner = subprocess.Popen(
        [sys.executable, "-m", "inspire_bringup.run", "sim", "--commander", "expert", "--logs", str(tmp_path / "logs")],
        stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert "sim stack in ROS domain" in runner.stderr.readline()
    nodes = children(runner.pid)
    runner.kill()
    runner.communicate()
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in nodes):
        assert time.monotonic() < deadline, "nodes outlived their runner"
        time.sleep(0.1)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as stream:
        return [int(child) for child in stream.read().split()]


def command_of(pid):
    with open(f"/proc/{pid}/cmdline") as stream:
        return stream.read().replace("\0", " ")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
