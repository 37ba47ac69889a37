"""Evaluation by the published protocol: which episodes, what a picture and the gripper go through, and the command."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from inspire_policy.action import ActionContract, Lead, osc_from_lead
from inspire_sim.results import EpisodeResult, EpisodeSpec
from inspire_training.evaluate import main
from inspire_training.evaluation.folder import EPISODES_FILE, RESULT_FILE, EvaluationError
from inspire_training.evaluation.videos import FAILURES_FOLDER
from inspire_training.model.presets import PRESETS
from inspire_training.protocol.command import _chosen
from inspire_training.protocol.crew import run_here, run_with_ray
from inspire_training.protocol.plan import PUBLISHED, PUBLISHED_STAGES, episodes_of, tasks_of
from inspire_training.protocol.report import task_summaries, task_table
from inspire_training.protocol.worker import Worker, WorkerSettings

pytest.importorskip("libero", reason="LIBERO is an extra: `make setup-libero`")
simulated = pytest.mark.skipif(not os.environ.get("INSPIRE_LIBERO_ASSETS"), reason="INSPIRE_LIBERO_ASSETS is not set")


def result(seed: int, task: str, failure: str = "", stage: str = "") -> EpisodeResult:
    return EpisodeResult(
        seed=seed, split="train", task=task, instruction=task, objects=("milk",), success=not failure, failure=failure,
        reason="", steps=9, max_steps=280, wall_s=1.0, stage=stage,
    )  # fmt: skip


def test_trials_and_initial_states_of_the_published_protocol():
    tasks = tasks_of("libero_90")
    specs = episodes_of(tasks, trials=PUBLISHED.trials, split=PUBLISHED.split("libero_90"))
    assert len(tasks) == 90 and len(specs) == 900 and len({spec.seed for spec in specs}) == 900
    assert {spec.split for spec in specs} == {"train"} and PUBLISHED.split("libero_object") == "random"
    assert [spec.seed % 50 for spec in specs[-10:]] == list(range(10)), "trial k begins in the recorded state k"
    assert specs[-1].task == tasks[89]
    assert list(tasks_of("libero_object", ("3", "0"))) == [3, 0]
    with pytest.raises(EvaluationError, match="suite: expected one of libero_spatial"):
        tasks_of("libero_7")


def test_the_published_presets_see_through_the_published_stages():
    upright = replace(PUBLISHED_STAGES, flip="none")
    assert PRESETS["minivla-1b"].cameras[0].geometry == upright
    assert PRESETS["minivla-test"].cameras[0].geometry == replace(upright, width=56, height=56)


def test_the_gripper_is_converted_as_published():
    for opening in np.linspace(0.0, 1.0, 40):  # without 0.5, of which the published sign makes 0
        published = -np.sign(2.0 * opening - 1.0)
        assert osc_from_lead(Lead(np.zeros(3), np.zeros(3), opening), ActionContract())[6] == published


def test_the_table_has_a_row_per_task_with_wilson_intervals():
    results = [result(1, "a"), result(2, "a", "timeout", "dropped"), result(3, "b")]
    found = task_summaries(results)
    assert found["a"]["successes"] == 1 and found["b"]["wilson95"] == pytest.approx([0.207, 1.0], abs=1e-3)
    rows = task_table(results).splitlines()
    assert [row.split()[0] for row in rows] == ["task", "a", "b", "all"]
    assert "1 timeout (dropped)" in rows[1] and "2/3" in rows[3] and "[21, 94]" in rows[3]


def test_a_video_of_each_kind_of_failure():
    results = [result(i, "a", *kind) for i, kind in enumerate([("timeout", "dropped"), ("timeout", "dropped"), ("", ""),
               ("timeout", "never grasped"), ("refused", "")])]  # fmt: skip
    assert [r.seed for r in _chosen(results, "kinds")] == [0, 3]
    assert [r.seed for r in _chosen(results, "failures")] == [0, 1, 3]
    assert len(_chosen(results, "all")) == 5 and _chosen(results, "none") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "libero_7"], "suite: expected one of libero_spatial"),
        (["--suite", "libero_90", "--protocol", "mine"], "protocol: expected one of published, found 'mine'"),
        (["--suite", "libero_90", "--tasks", "91"], "expected a task by name or index 0..89"),
        (["--suite", "libero_90", "--trials", "2000"], "trials: expected 1 to 1000"),
        (["--suite", "libero_90", "--workers", "0"], "workers: expected 1 or more"),
        (["--suite", "libero_90", "--bundle", "nowhere"], "bundle: expected a folder or a name"),
        (["--suite", "libero_90", "--bundle", "tabletop"], "expected one for libero_90, found one for tabletop"),
        (
            ["--suite", "libero_90", "--commander", "expert", "--route", "ros", "--address", "a"],
            "route: expected direct",
        ),
    ],
)
def test_bad_input_is_code_2_and_one_line(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    errors = capsys.readouterr().err
    assert message in errors and len(errors.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@simulated
@pytest.mark.slow
def test_an_evaluation_goes_on_where_it_was_stopped_and_films_a_failure(tmp_path, capsys, monkeypatch):
    """Trial 0 is there already, as a failure; trial 1 is run by the expert. Nothing but the film runs trial 0 again."""
    task = tasks_of("libero_object", ("2",))[2]
    seed = 1_002_000
    command = ["--suite", "libero_object", "--commander", "expert", "--tasks", "2", "--image-size", "64"]
    command += ["--out", str(tmp_path)]
    failed = result(seed, task, "timeout", "dropped")
    monkeypatch.setattr("inspire_training.protocol.command.run_here", lambda worker, specs, keep: keep(failed))
    assert main([*command, "--trials", "1", "--videos", "none"]) == 0
    monkeypatch.undo()
    assert main([*command, "--trials", "2"]) == 0
    found = json.loads((tmp_path / RESULT_FILE).read_text())
    assert [e["seed"] for e in found["episodes"]] == [seed, seed + 1] and found["successes"] == 1
    assert found["episodes"][1]["direction_accuracy"] == 1.0 and found["episodes"][1]["stage"] == "done"
    assert found["protocol"]["name"] == "published" and found["tasks"][task]["trials"] == 2
    assert len((tmp_path / EPISODES_FILE).read_text().splitlines()) == 2
    said = capsys.readouterr()
    assert "1 of 2 episodes are already in" in said.out
    film = tmp_path / FAILURES_FOLDER / f"seed_{seed}.mp4"
    assert film.stat().st_size > 10_000 and "expected the episode of the evaluation" in said.err


@pytest.mark.timeout(1800)  # seconds of a loaded machine; a quiet one takes a hundredth
def test_episodes_through_ray_are_those_of_one_process_and_a_worker_that_dies_is_replaced(tmp_path, monkeypatch):
    """Ray's local mode: the code path of a cluster, in the tabletop world."""
    pytest.importorskip("ray", reason="Ray is an extra: `make setup-ray`")
    flag = tmp_path / "died"

    class Mortal(Worker):
        """Ends its process in its first episode."""

        def run(self, spec):
            if not flag.exists():
                flag.touch()
                os._exit(1)
            return super().run(spec)

    settings = WorkerSettings(suite="tabletop", commander="expert", bundle="", image_size=64)
    specs = [EpisodeSpec(1_000_000 + trial) for trial in range(3)]
    here: list[EpisodeResult] = []
    run_here(settings, specs, here.append)
    assert all(found.success for found in here)
    monkeypatch.setattr("inspire_training.protocol.crew.Worker", Mortal)
    there: list[EpisodeResult] = []
    run_with_ray(settings, specs, there.append, workers=2)
    assert flag.exists()
    timed = {"wall_s": 0.0, "latency_p50": 0.0, "latency_p95": 0.0}
    by_seed = {found.seed: replace(found, **timed) for found in there}
    assert len(there) == 3 and by_seed == {found.seed: replace(found, **timed) for found in here}


def test_ray_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    settings = WorkerSettings(suite="tabletop", commander="expert", bundle="", image_size=64)
    with pytest.raises(EvaluationError, match="expected the package ray for several workers"):
        run_with_ray(settings, [EpisodeSpec(1)], lambda result: None, workers=2)
