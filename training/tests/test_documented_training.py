"""The commands of docs/training.md from official files to a bundle, run as they stand on tiny data, and what they make.

Only sizes are changed. Runs where LIBERO and its assets are: `make setup-libero`, and their folder in
INSPIRE_LIBERO_ASSETS.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hub_cache import make_cache

from inspire_policy.bundle import load_bundle
from inspire_training.checkpoint import load_checkpoint
from inspire_training.cli import main
from inspire_training.libero_data.official import SUFFIX

pytest.importorskip("libero", reason="LIBERO is an extra: `make setup-libero`")
pytestmark = [
    pytest.mark.skipif(not os.environ.get("INSPIRE_LIBERO_ASSETS"), reason="INSPIRE_LIBERO_ASSETS is not set"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # seconds of a loaded machine; a quiet one takes a hundredth
]
GUIDE = Path(__file__).parents[2] / "docs/training.md"
TASK = "pick_up_the_salad_dressing_and_place_it_in_the_basket"
TINY = {
    "import": "",
    "regenerate": "--image-size 64 --rendering fast --workers 1 --keep-failures",
    "train": "--preset minivla-test --precision no --no-recompute --steps 1 --batch 2 --global-batch 2 --readers 0 "
    "--validation-frames 2",
    "export": "--parity-frames 2",
    "evaluate": "--tasks 2 --trials 1 --image-size 64 --workers 1 --videos none",
}


def commands(heading: str) -> list[list[str]]:
    """The words of each `inspire` command in the first block below a heading of the guide."""
    section = GUIDE.read_text().partition(f"{heading}\n")[2]
    block = re.search(r"```bash\n(.*?)```", section, re.DOTALL)
    assert block, f"expected a block of commands below {heading}"
    lines = [shlex.split(line, comments=True) for line in block[1].splitlines()]
    return [words[1:] for words in lines if words and words[0] == ".venv/bin/inspire"]


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["inspire", *words, *TINY[words[0]].split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, words


def write_official(path: Path) -> None:
    """Four steps of a task in the layout of LIBERO's files, from a placement of its sampler."""
    from inspire_sim.worlds.libero_replay import LiberoReplayWorld

    world = LiberoReplayWorld("libero_object", image_size=64)
    world.reset(0, task=TASK, split="random")
    actions = np.full((4, 7), 0.1)
    states = []
    for action in actions:
        states.append(world.state())
        world.step(action)
    world.close()
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update(num_demos=1, bddl_file_name=f"libero/libero/bddl_files/libero_object/{TASK}.bddl")
        demo = data.create_group("demo_0")
        demo["actions"], demo["states"] = actions, np.stack(states)


def test_from_official_files_and_from_own_demonstrations_to_a_bundle(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk holds what the downloads would bring; the recordings of a robot are tested with docs/recording.md."""
    monkeypatch.chdir(tmp_path)
    make_cache(tmp_path, monkeypatch)
    write_official(Path("downloads/libero/libero_object") / f"{TASK}{SUFFIX}")
    monkeypatch.setitem(sys.modules["inspire_sim.worlds.libero"].MAX_STEPS, "libero_object", 8)
    wanted = commands("### From official files to a robot")
    assert [words[0] for words in wanted] == ["import", "regenerate", "train", "export", "evaluate"]
    for words in wanted:
        run(words, monkeypatch)
    assert json.loads(Path("data/libero_object/card.json").read_text())["frames"] == 4
    manifest = load_bundle(Path("runs/mine-bundle")).manifest
    assert (manifest.horizon, manifest.bodies) == (7, ("libero_object",))
    (episode,) = json.loads(Path("runs/mine-libero_object/result.json").read_text())["episodes"]
    assert (episode["steps"], episode["failure"]) == (8, "timeout") and episode["answers"] == 2 * 2

    Path("data/own").mkdir()
    shutil.copy(recording, "data/own/episodes-000.hdf5")
    episodes, train, export = commands("### Fine-tuning on 50 demonstrations of one's own")
    assert episodes[:4] == ["episodes", "recordings", "--out", "data/own"]
    run(train, monkeypatch)
    assert load_checkpoint(Path("runs/own")).step == 1
    assert export[:3] == ["export", "--checkpoint", "runs/own"], "what was run above for another checkpoint"
