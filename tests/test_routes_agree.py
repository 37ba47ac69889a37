"""The same seed has the same episode in one process and through the ROS graph, in a real LIBERO task, in lockstep.

Runs where LIBERO and its assets are: `make setup-libero`, and their folder in INSPIRE_LIBERO_ASSETS.
"""

import os
from collections import Counter

import numpy as np
import pytest

from inspire_sim.results import EpisodeResult, EpisodeSpec

pytest.importorskip("libero", reason="LIBERO is an extra: `make setup-libero`")
pytest.importorskip("torch", reason="training is an extra: `make setup-training`")
pytestmark = [
    pytest.mark.skipif(not os.environ.get("INSPIRE_LIBERO_ASSETS"), reason="INSPIRE_LIBERO_ASSETS is not set"),
    pytest.mark.slow,
    pytest.mark.timeout(1200),
]

SUITE, TASK, SEED = "libero_object", "pick_up_the_salad_dressing_and_place_it_in_the_basket", 1_002_001
OUTCOME = (
    *("seed", "split", "task", "instruction", "objects", "success", "failure", "reason", "steps", "max_steps", "stage"),
    *("clamps", "target_start", "destination_start", "wrong_object"),
)


class Noting:
    """A commander that is watched: what the arm felt at each of its observations."""

    def __init__(self, commander) -> None:
        self._commander = commander
        self.poses: dict[int, np.ndarray] = {}

    def __getattr__(self, name):
        return getattr(self._commander, name)

    def act(self, stamp, seen, truth):
        self.poses[stamp] = np.concatenate([seen.tool_position, seen.tool_quaternion])
        return self._commander.act(stamp, seen, truth)


def recorded_poses(path) -> dict[int, np.ndarray]:
    """Tool poses of a recorded run by their stamps, ns."""
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    poses = {}
    with open(path, "rb") as stream:
        for _, channel, _, message in make_reader(stream, decoder_factories=[DecoderFactory()]).iter_decoded_messages():
            if channel.topic == "/arm/state_pose":
                stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
                position, turn = message.pose.position, message.pose.orientation
                poses[stamp] = np.array([position.x, position.y, position.z, turn.x, turn.y, turn.z, turn.w])
    return poses


def test_both_routes_have_the_same_episode(run, tmp_path):
    from inspire_training.protocol.episode import run_episode
    from inspire_training.protocol.worker import Worker, WorkerSettings

    stack = ("--world", SUITE, "--commander", "expert", "--task", TASK, "--split", "random", "--seeds", SEED)
    ended = run(*stack, "--record", tmp_path / "run.mcap", timeout=500)
    assert ended.code == 0, ended.errors
    (line,) = [line for line in ended.output.splitlines() if line.startswith("{")]
    theirs = EpisodeResult.from_json(line)
    worker = Worker(WorkerSettings(suite=SUITE, commander="expert", bundle="", image_size=128))
    world, commander = worker.parts()
    noting = Noting(commander)
    ours = run_episode(world, noting, EpisodeSpec(SEED, "random", TASK))
    worker.close()
    assert {name: getattr(ours, name) for name in OUTCOME} == {name: getattr(theirs, name) for name in OUTCOME}
    assert ours.success and ours.direction_accuracy == theirs.direction_accuracy == 1.0
    stamps = {pose.tobytes(): stamp for stamp, pose in noting.poses.items()}
    found = recorded_poses(tmp_path / "run.mcap")
    shifts = Counter(stamp - stamps[pose.tobytes()] for stamp, pose in found.items() if pose.tobytes() in stamps)
    assert len(noting.poses) == ours.steps and shifts, "nothing of the episode is in the recording"
    ((shift, _),) = shifts.most_common(1)  # the world ran before the episode began
    both = [stamp for stamp in noting.poses if stamp + shift in found]
    assert len(both) > 0.5 * ours.steps, "too much was missed by the recorder"
    np.testing.assert_array_equal([found[stamp + shift] for stamp in both], [noting.poses[stamp] for stamp in both])
