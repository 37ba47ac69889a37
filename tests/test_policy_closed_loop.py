"""The shipped policy drives the simulated arm through the ROS graph, over scenes that it was never trained on."""

import re
import shutil

import pytest
from commands import call

from inspire_policy.bundle import find_bundle
from inspire_sim.results import UNSEEN_SEEDS

EPISODES, ENOUGH = 5, 3
BUNDLE_BYTES = 25_000_000


@pytest.fixture(scope="module")
def bundle():
    """Folder of the bundle that the repository ships; a BundleError here says what is missing."""
    return find_bundle("tabletop")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_shipped_policy_succeeds_in_most_of_five_episodes(bundle, run):
    episodes = ("--split", "unseen_positions", "--episodes", EPISODES, "--seed", UNSEEN_SEEDS)
    ended = run("--commander", "policy", *episodes, timeout=850)
    assert ended.code in (0, 1), ended.errors
    episodes = ended.episodes
    told = [(e["task"], e["success"], e["failure"], e["stage"]) for e in episodes]
    assert len(episodes) == EPISODES
    assert sum(e["success"] for e in episodes) >= ENOUGH, told
    assert all(e["compared"] for e in episodes), "no answers were given"
    assert sum(e["right"] for e in episodes) > 0.5 * sum(e["compared"] for e in episodes)
    assert not any(e["stops"] for e in episodes), "in lockstep nothing is late"


def test_the_shipped_bundle_is_small(bundle):
    assert sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) <= BUNDLE_BYTES


DAMAGES = {
    "truncated": (lambda data: data[: len(data) // 2], "perception.onnx, found .*truncated or changed"),
    "tampered": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "of perception.onnx, found .*changed"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_bundle_is_refused_before_anything_starts(bundle, name, tmp_path):
    damage, message = DAMAGES[name]
    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    graph = damaged / "perception.onnx"
    graph.write_bytes(damage(graph.read_bytes()))
    ended = call("inspire_bringup.demo", "--bundle", damaged, "--out", tmp_path / "run", timeout=120)
    assert ended.code == 2, ended.errors
    assert re.fullmatch(rf"error: bundle .*expected .*{message}.*\n", ended.errors), ended.errors
    assert not (tmp_path / "run").exists()


def test_a_bundle_made_for_another_world_is_refused(bundle, tmp_path):
    ended = call("inspire_bringup.demo", "--world", "libero_object", "--out", tmp_path / "run", timeout=120)
    assert ended.code == 2, ended.errors
    assert "expected a body among tabletop, found 'libero_object'" in ended.errors
    assert not (tmp_path / "run").exists()
