"""The same seed has the same outcome in one process and through the ROS graph, in a real LIBERO task, in lockstep.

Runs where LIBERO and its assets are: `make setup-libero`, and their folder in INSPIRE_LIBERO_ASSETS.
"""

import os

import pytest

from inspire_sim.results import EpisodeResult, EpisodeSpec

pytest.importorskip("libero", reason="LIBERO is an extra: `make setup-libero`")
pytest.importorskip("torch", reason="training is an extra: `make setup-training`")
pytestmark = [
    pytest.mark.skipif(not os.environ.get("INSPIRE_LIBERO_ASSETS"), reason="INSPIRE_LIBERO_ASSETS is not set"),
    pytest.mark.slow,
]

SUITE, TASK = "libero_object", "pick_up_the_salad_dressing_and_place_it_in_the_basket"
SEEDS = (1_002_000, 1_002_001)
WALL = ("wall_s", "latency_p50", "latency_p95", "dropped", "stops")  # of the machine, not of the episode


def outcome(result: EpisodeResult) -> dict:
    return {name: value for name, value in vars(result).items() if name not in WALL}


def test_both_routes_have_the_same_outcome(run):
    from inspire_training.protocol.worker import Worker, WorkerSettings

    stack = ("--world", SUITE, "--commander", "expert", "--task", TASK, "--split", "random")
    ended = run(*stack, "--seeds", ",".join(map(str, SEEDS)))
    assert ended.code == 0, ended.errors
    through_ros = [EpisodeResult.from_json(line) for line in ended.output.splitlines() if line.startswith("{")]
    worker = Worker(WorkerSettings(suite=SUITE, commander="expert", bundle="", image_size=128))
    direct = [worker.run(EpisodeSpec(seed, "random", TASK)) for seed in SEEDS]
    worker.close()
    assert [outcome(result) for result in direct] == [outcome(result) for result in through_ros]
    assert all(result.success and result.compared > 50 for result in direct)
