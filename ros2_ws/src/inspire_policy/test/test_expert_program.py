"""The program with an action expert, over real ONNX Runtime: latent, explicit, dual rate, and what is never kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tiny_bundle

from inspire_policy.brain import Brain
from inspire_policy.bundle import BundleError, load_bundle
from inspire_policy.engines.fixed_rows import FixedRows
from inspire_policy.engines.protocol import Engine, make_engine
from inspire_policy.manifest import ExpertSpec
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job, graph_files, make_program
from inspire_policy.programs.expert import ExpertProgram
from inspire_policy.sequence import MASKED

INSTRUCTION = tiny_bundle.INSTRUCTION
OBJECTS = ("milk", "bin")


class Watched:
    """An engine that remembers what its graphs were given."""

    name = "watched"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.inputs = engine.inputs
        self.given: list[tuple[str, Mapping[str, np.ndarray]]] = []

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.given.append((graph, {name: value.copy() for name, value in inputs.items()}))
        return self._engine.run(graph, inputs)


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle.make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "expert", codec="sampled")


def made(folder: Path) -> tuple[ExpertProgram, Watched]:
    bundle = load_bundle(folder)
    engine = Watched(make_engine("onnxruntime", graph_files(bundle)))
    program = make_program(bundle, engine)
    assert isinstance(program, ExpertProgram)
    return program, engine


def other(observation: PolicyObservation) -> PolicyObservation:
    """The same with other images."""
    return dataclasses.replace(observation, images={name: 255 - i for name, i in observation.images.items()})


def test_the_same_observation_gives_the_same_chunk(expert: Path, observation: PolicyObservation) -> None:
    first, _ = made(expert)
    second, engine = made(expert)
    chunk = first.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS)).rows
    assert chunk.shape == (8, 7) and np.abs(np.diff(chunk, axis=0)).max() > 1e-3, "noise differs from step to step"
    second.tick(Job(other(observation), instruction=INSTRUCTION, objects=OBJECTS))
    assert np.array_equal(second.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS)).rows, chunk)
    later = second.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS, number=1)).rows
    assert not np.array_equal(later, chunk), "the same observation may not hold the arm for ever"
    again = first.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS, number=1)).rows
    assert np.array_equal(later, again)
    noises = [given["noise"] for graph, given in engine.given if graph == "expert"]
    assert np.array_equal(noises[0], noises[1]) and abs(float(noises[0].mean())) < 0.5


def test_latent_reads_the_prompt_and_explicit_the_answers_too(expert: Path, observation: PolicyObservation) -> None:
    program, engine = made(expert)
    latent = program.tick(Job(observation, instruction=INSTRUCTION, objects=()))
    assert latent.answers == () and latent.decoder_passes == 1
    explicit = program.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS))
    assert [answer.object for answer in explicit.answers] == list(OBJECTS) and explicit.decoder_passes == 3
    prompt, answered = (given for graph, given in engine.given if graph == "expert")
    fed = next(given["token_ids"] for graph, given in engine.given if graph == "decoder")
    rows = fed.shape[1]
    told = load_bundle(expert).manifest.expert.told(INSTRUCTION)
    assert rows == len(load_bundle(expert).style.prefix_ids(told))
    assert ((prompt["state_bias"] == 0).sum(), (answered["state_bias"] == 0).sum()) == (rows, rows + 2)
    assert (prompt["state_bias"][:, rows:] == MASKED).all() and not prompt["states"][:, :, rows:].any()
    np.testing.assert_allclose(answered["states"][:, :, :rows], prompt["states"][:, :, :rows], atol=1e-5)
    word = explicit.answers[0].word
    wrong = next(w for w in ("left", "right") if w != word)
    forced = program.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS, forced={"milk": wrong}))
    assert forced.answers[0].word == wrong and not np.allclose(forced.rows, explicit.rows, atol=1e-4)


def test_a_draft_costs_one_pass_and_changes_nothing(expert: Path, observation: PolicyObservation) -> None:
    program, _ = made(expert)
    plain = program.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS))
    draft = {answer.object: answer.word for answer in plain.answers}
    drafted = program.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS, draft=draft))
    assert drafted.decoder_passes == 1 and drafted.answers[1].word == plain.answers[1].word
    np.testing.assert_allclose(drafted.rows, plain.rows, atol=1e-5)


def test_answers_that_are_not_read_change_nothing(tmp_path: Path, observation: PolicyObservation) -> None:
    folder = tiny_bundle.make_tiny_bundle(tmp_path / "prompt", codec="sampled", reads_answers=False)
    program, _ = made(folder)
    latent = program.tick(Job(observation, instruction=INSTRUCTION, objects=()))
    explicit = program.tick(Job(observation, instruction=INSTRUCTION, objects=OBJECTS))
    assert len(explicit.answers) == 2
    np.testing.assert_allclose(explicit.rows, latent.rows, atol=1e-6)


def test_dual_rate_keeps_states_and_sees_new_images(expert: Path, observation: PolicyObservation) -> None:
    program, engine = made(expert)
    program.set_pace(3)
    arguments = {"instruction": INSTRUCTION, "objects": OBJECTS}
    ticks = [program.tick(Job(o, **arguments)) for o in (observation, other(observation), observation, observation)]
    assert [t.decoder_passes for t in ticks] == [3, 0, 0, 3]
    given = [inputs for graph, inputs in engine.given if graph == "expert"]
    assert np.array_equal(given[0]["states"], given[1]["states"])
    assert not np.array_equal(given[0]["patches"], given[1]["patches"])
    assert ticks[1].answers == ticks[0].answers and not np.allclose(ticks[1].rows, ticks[0].rows, atol=1e-4)
    assert np.array_equal(ticks[2].rows, ticks[0].rows)


@pytest.mark.parametrize(
    "change",
    [
        {"instruction": "pick up the milk and place it in the bin now"},
        {"objects": ("milk",)},
        {"run": 1},
        {"forced": {"milk": "left"}},
    ],
)
def test_nothing_is_kept_across_a_change(expert: Path, observation: PolicyObservation, change: dict) -> None:
    program, _ = made(expert)
    program.set_pace(100)
    arguments = {"instruction": INSTRUCTION, "objects": OBJECTS, "run": 0}
    assert program.tick(Job(observation, **arguments)).decoder_passes
    assert not program.tick(Job(other(observation), **arguments)).decoder_passes
    changed = program.tick(Job(observation, **{**arguments, **change}))
    assert changed.decoder_passes, "the language model read anew"
    fresh = made(expert)[0].tick(Job(observation, **{**arguments, **change}))
    np.testing.assert_array_equal(changed.rows, fresh.rows)


def test_a_failure_in_between_leaves_nothing_behind(expert: Path, observation: PolicyObservation) -> None:
    program, _ = made(expert)
    program.set_pace(100)
    arguments = {"instruction": INSTRUCTION, "objects": OBJECTS}
    program.tick(Job(observation, **arguments))
    with pytest.raises(ValueError, match="expected one of"):
        program.tick(Job(observation, **arguments, forced={"milk": "sideways"}))
    assert program.tick(Job(observation, **arguments)).decoder_passes


def test_engines_of_fixed_row_counts_give_the_same_states(expert: Path, observation: PolicyObservation) -> None:
    bundle = load_bundle(expert)

    class Counted:
        """The decoder under the names of its row counts, as built engines have it."""

        name = "counted"

        def __init__(self) -> None:
            self._engine = make_engine("onnxruntime", graph_files(bundle))

        def inputs(self, graph: str) -> tuple[str, ...]:
            return self._engine.inputs(graph.partition("_")[0])

        def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return self._engine.run(graph.partition("_")[0], inputs)

    fixed = make_program(bundle, FixedRows(Counted(), (64, tiny_bundle.CACHE)))
    arguments = {"instruction": INSTRUCTION, "objects": OBJECTS}
    expected = made(expert)[0].tick(Job(observation, **arguments))
    np.testing.assert_allclose(fixed.tick(Job(observation, **arguments)).rows, expected.rows, atol=1e-5)


def test_what_does_not_fit_is_refused(expert: Path, tiny: Path) -> None:
    with pytest.raises(ValueError, match="expected at most 48 rows for the expert"):
        made(expert)[0].check(" ".join(["milk"] * 40), ())
    with pytest.raises(ValueError, match="expected 1 with a bundle without an action expert"):
        Brain.load(str(tiny), language_every=4)
    with pytest.raises(ValueError, match=r"expected \{instruction\} in the template"):
        ExpertSpec(layers=1, context_rows=4, template="go", reads_answers=False)
    manifest = load_bundle(expert).manifest
    with pytest.raises(ValueError, match="or none of them"):
        dataclasses.replace(manifest, expert=None)
    place = expert / "policy.json"
    whole = place.read_text()
    try:
        place.write_text(whole.replace('"context_rows": 48', '"context_rows": "many"'))
        with pytest.raises(BundleError, match="context_rows"):
            load_bundle(expert)
    finally:
        place.write_text(whole)
