"""The policy card: what it says is what the bundle and the evaluations say, and it does not touch the bundle."""

import json
import shutil

import pytest

from inspire_policy.bundle import BundleError, find_bundle, load_bundle
from inspire_sim.results import EpisodeResult, summary
from inspire_training.card import CARD_FILE, EVALUATION, facts, main
from inspire_training.cli import COMMANDS


@pytest.fixture
def bundle(tmp_path):
    """A copy of the shipped bundle, without its card."""
    folder = shutil.copytree(find_bundle("tabletop"), tmp_path / "tabletop")
    (folder / CARD_FILE).unlink(missing_ok=True)
    return folder


def evaluation(folder, **settings):
    """A finished evaluation: three episodes, two of them a success."""
    folder.mkdir()
    episodes = [
        EpisodeResult(
            seed=1_000_000 + i, split="train", task="milk_bin", instruction="", objects=("milk", "bin"),
            success=i > 0, failure="" if i else "timeout", reason="", steps=9, max_steps=9, wall_s=1.0,
        )
        for i in range(3)
    ]  # fmt: skip
    known = {"bundle": "tabletop", "world": "tabletop", "mode": "lockstep", "commander": "policy", "split": "train"}
    (folder / "result.json").write_text(json.dumps(summary(episodes, settings=known | settings)))
    return folder


def test_the_shipped_bundle_has_a_card_that_says_what_its_manifest_says():
    shipped = load_bundle(find_bundle("tabletop"))
    text = shipped.file(CARD_FILE).read_text()
    assert text.partition(EVALUATION)[0].strip() == facts(shipped).strip(), "run `inspire card --bundle tabletop`"
    front = text.split("---")[1]
    assert "license: apache-2.0" in front and "tags: [robotics" in front
    for fact in (*shipped.manifest.known_objects, *shipped.manifest.training["files"], shipped.manifest.contract.frame):
        assert fact in text


def test_a_card_leaves_the_bundle_valid_and_is_written_again(bundle, tmp_path, capsys):
    before = load_bundle(bundle).manifest
    assert main(["--bundle", str(bundle)]) == 0
    assert "Not evaluated" in (bundle / CARD_FILE).read_text()
    assert main(["--bundle", str(bundle), "--results", str(evaluation(tmp_path / "held_out"))]) == 0
    text = (bundle / CARD_FILE).read_text()
    assert "### held_out" in text and "2 of 3" in text and "timeout" in text and "Not evaluated" not in text
    assert load_bundle(bundle).manifest == before and CARD_FILE not in before.files
    assert str(bundle / CARD_FILE) in capsys.readouterr().out
    assert "card" in COMMANDS


def test_other_evaluations_and_bundles_are_refused(bundle, tmp_path):
    with pytest.raises(ValueError, match="expected an evaluation of the bundle tabletop, found one of other"):
        main(["--bundle", str(bundle), "--results", str(evaluation(tmp_path / "a", bundle="bundles/other"))])
    with pytest.raises(ValueError, match="found one of none"):
        main(["--bundle", str(bundle), "--results", str(evaluation(tmp_path / "b", commander="expert"))])
    with pytest.raises(ValueError, match="expected an evaluation of these weights of tabletop"):
        main(["--bundle", str(bundle), "--results", str(evaluation(tmp_path / "c", weights="0123456789ab"))])
    with pytest.raises(ValueError, match="expected the result.json of a finished evaluation"):
        main(["--bundle", str(bundle), "--results", str(tmp_path / "nowhere")])
    with pytest.raises(BundleError, match="expected a folder"):
        main(["--bundle", "nothing"])
    assert not (bundle / CARD_FILE).exists()
