"""The second system as a user takes it: its weights exported, driving the simulated arm, asked where things are."""

from pathlib import Path

import numpy as np
import pytest

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.programs.base import graph_files
from inspire_policy.programs.grounding import Grounder
from inspire_sim.results import UNSEEN_SEEDS
from inspire_sim.worlds.registry import make_world

pytest.importorskip("torch", reason="exporting weights takes torch: make setup-training")

WEIGHTS = Path(__file__).parents[1] / "training/weights/guided"
EPISODES, ENOUGH = 5, 3
SCENES, MEAN_OVERLAP = 6, 0.6  # of boxes, intersection over union; measured on held-out images: 0.8


@pytest.fixture(scope="module")
def guided(tmp_path_factory):
    """Folder of the bundle."""
    from inspire_training.export import export
    from inspire_training.settings import ExportSettings

    folder = tmp_path_factory.mktemp("bundles") / "guided"
    export(ExportSettings(checkpoint=WEIGHTS, out=folder, name="guided", parity_frames=20))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_guided_policy_succeeds_in_most_of_five_episodes(guided, run):
    episodes = ("--split", "unseen_positions", "--episodes", EPISODES, "--seed", UNSEEN_SEEDS)
    ended = run("--commander", "policy", "--bundle", guided, *episodes, timeout=850)
    assert ended.code in (0, 1), ended.errors
    told = [(e["task"], e["success"], e["failure"], e["stage"]) for e in ended.episodes]
    assert len(told) == EPISODES and sum(e["success"] for e in ended.episodes) >= ENOUGH, told
    assert sum(e["right"] for e in ended.episodes) > 0.5 * sum(e["compared"] for e in ended.episodes) > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_sees_objects_where_they_are(guided):
    from inspire_training.grounding.metrics import intersection_over_union

    bundle = load_bundle(guided)
    grounder = Grounder(bundle, make_engine("onnxruntime", graph_files(bundle)))
    world, overlaps = make_world("tabletop"), []
    try:
        for seed in range(UNSEEN_SEEDS, UNSEEN_SEEDS + SCENES):
            world.reset(seed, split="unseen_positions")
            truth = {state.name: state.boxes["agentview"] for state in world.truth(images=True).objects}
            shown = [name for name, box in truth.items() if box is not None and name in bundle.manifest.known_objects]
            asked = grounder.questions(["box"], shown, "")
            found = grounder.ground(world.observe().for_policy(), "", asked)
            right = np.array([truth[answer.object] for answer in found])
            overlaps += [*intersection_over_union(np.array([a.points.reshape(4) for a in found]), right)]
    finally:
        world.close()
    assert len(overlaps) > 3 * SCENES
    assert np.mean(overlaps) > MEAN_OVERLAP, np.round(overlaps, 2)
