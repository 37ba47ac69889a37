"""Every published question mode is trained and answered by the robot's own program, FAST codes under constraint.

One bundle has both: answers of several tokens and chunks of a varying number of codes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.brain import Brain
from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.autoregressive import AutoregressiveProgram
from inspire_policy.programs.base import Job, graph_files, make_program
from inspire_policy.question_modes import MODES, NO_AXIS, answer_text
from inspire_sim.results import EpisodeSpec
from inspire_sim.worlds.registry import make_world
from inspire_training.bundling import bundle_in_memory
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.data.augmentation import Augmentation
from inspire_training.data.frames import FrameStore, open_frames
from inspire_training.data.sampler import FrameSampler
from inspire_training.export import export
from inspire_training.policy_torch import TorchPolicy
from inspire_training.protocol.commanders import PolicyCommander
from inspire_training.protocol.episode import run_episode
from inspire_training.settings import ExportSettings, TrainSettings
from inspire_training.start import config_of, starting_point
from inspire_training.train import train

pytestmark = pytest.mark.timeout(900)  # seconds of a loaded machine; a quiet one takes a tenth
NOTHING = Augmentation(random_answers=0.0, counterfactual=0.0, colour=0.0, unknown_words=0.0)


def make(recording: Path, mode: str, **options: Any) -> tuple[Checkpoint, FrameSampler, FrameStore]:
    settings = TrainSettings(
        data=(recording,), out=recording.parent / "unused", preset="tabletop-test", question_mode=mode, **options
    )
    config = config_of(settings)
    store = open_frames(recording, config.cameras, config.chunk_length)
    start = starting_point(settings, [store])
    parts = (start.config, start.style(), start.codec(), start.tokenizer, start.words)
    return start, FrameSampler([store], [1.0], *parts), store


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_holds_the_published_answers(recording: Path, mode: str) -> None:
    start, sampler, store = make(recording, mode)
    vocabulary = AnswerVocabulary(start.style(), start.words)
    batch = sampler.batch(16, NOTHING, 1)
    for i in range(16):
        frame = int(np.flatnonzero((store.proprioception == batch.proprioception[i].numpy()).all(1))[0])
        wanted: list[int] = []
        for k in range(2):
            text = answer_text(mode, store.offsets[frame, k], store.directions[frame, k] == 0, start.words)
            wanted += vocabulary.ids[vocabulary.number[text]]
        kept = batch.answer_mask[i].bool()
        assert batch.answer_ids[i][kept].tolist() == wanted
        assert batch.token_ids[i][batch.answer_rows[i][kept]].tolist() == wanted, "what is right is what is fed"


def test_behind_a_wrong_token_nothing_is_learned(recording: Path) -> None:
    _, sampler, _ = make(recording, "direction_3d")
    batch = sampler.batch(64, Augmentation(random_answers=1.0, counterfactual=0.0, colour=0.0), 1)
    fed, rows, known = batch.token_ids.gather(1, batch.answer_rows), batch.answer_rows, batch.answer_mask.bool()
    wrong = known & (fed != batch.answer_ids)
    assert wrong.any()
    next_to = rows[:, 1:] == rows[:, :-1] + 1
    assert not (wrong[:, :-1] & known[:, 1:] & next_to).any()


def test_codes_of_varying_number_stand_in_their_rows(recording: Path) -> None:
    start, sampler, _ = make(recording, "direction", codec="fast", fast_codes=300)
    codec, batch = start.codec(), sampler.batch(16, NOTHING, 1)
    counts = batch.code_mask.sum(1)
    assert counts.min() < counts.max() <= codec.codes <= 112, "a budget of its own"
    ids = start.style().code_ids(codec.code_values)
    for i in range(16):
        kept = batch.code_mask[i]
        assert (
            batch.token_ids[i][batch.code_rows[i][kept]].tolist() == ids[codec.encode(batch.chunk[i].numpy())].tolist()
        )
        assert not batch.token_ids[i][int(batch.code_rows[i][kept][-1]) + 1 :].any(), "nothing behind it"
    rng = np.random.default_rng(0)
    for _ in range(20):  # whatever is said keeps the budget and is a chunk
        said: list[int] = []
        while len(allowed := codec.may_follow(said)):
            said.append(int(rng.choice(allowed)))
        assert len(said) <= codec.codes and codec.decode(np.array(said)).shape == (8, 7)
    with pytest.raises(ValueError, match="expected 56 coefficients, found"):
        codec.decode(np.array(said[:-1]))
    with pytest.raises(ValueError, match="expected a row of values 0.."):
        codec.decode(np.array([codec.code_values]))


@pytest.fixture(scope="module")
def run(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    options: dict[str, Any] = {"batch": 4, "steps": 2, "validation_frames": 4, "warmup": 1, "rate": 1e-2}
    options |= {"preset": "tabletop-test", "codec": "fast", "fast_codes": 300}
    train(TrainSettings(data=(recording,), out=folder, question_mode="fine_direction", **options))
    return folder


def job(**options: Any) -> Job:
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for name in ("agentview", "wrist")}
    seen = PolicyObservation(images, np.zeros(3), np.array([1.0, 0, 0, 0]), 1.0)
    return Job(seen, "put the milk in the bin", ("milk", "bin"), **options)


def check(program: AutoregressiveProgram, texts: tuple[str, ...], *, single: bool) -> None:
    """Answers of the mode, the same with any draft, and those that are forced."""
    program.check(job().instruction, job().objects)
    tick = program.tick(job())
    for answer in tick.answers:
        assert answer.word in texts and len(answer.probabilities) == (len(texts) if single else 0)
        assert (answer.axis == NO_AXIS) == (answer.word not in ("grasped",) and (single or answer.word == "0 0 0"))
    drafted = program.tick(job(draft={answer.object: answer.word for answer in tick.answers}))
    assert drafted.decoder_passes < tick.decoder_passes
    wrong = program.tick(job(draft={"milk": texts[5 % len(texts)], "bin": texts[-1]}))
    for other in (drafted, wrong):
        assert [a.word for a in other.answers] == [a.word for a in tick.answers]
        np.testing.assert_allclose(other.rows, tick.rows, atol=1e-5)
    forced = program.tick(job(forced={"milk": texts[-1]}))
    assert forced.answers[0].word == texts[-1] and forced.answers[0].forced
    with pytest.raises(ValueError, match="expected one of"):
        program.tick(job(forced={"milk": "sideways"}))


def test_a_bundle_answers_in_its_mode_and_says_what_torch_says(run: Path, recording: Path, tmp_path: Path) -> None:
    export(ExportSettings(checkpoint=run, out=tmp_path / "tiny", frames=recording, parity_frames=3))
    bundle = load_bundle(tmp_path / "tiny")
    assert (bundle.manifest.question_mode, bundle.manifest.program.action_codec) == ("fine_direction", "fast")
    program = make_program(bundle, make_engine("onnxruntime", graph_files(bundle)))
    assert isinstance(program, AutoregressiveProgram)
    check(program, bundle.answers.texts, single=False)
    torch_tick, tick = TorchPolicy(load_checkpoint(run)).tick(job()), program.tick(job())
    assert [a.word for a in torch_tick.answers] == [a.word for a in tick.answers]
    np.testing.assert_array_equal(torch_tick.rows, tick.rows, err_msg="equal codes, so equal chunks")
    assert tick.decoder_passes <= 2 * 7 + bundle.codec.codes
    told = EpisodeSpec(1_000_000, instruction="put the milk in the bin")
    world = make_world("tabletop", image_size=128)
    result = run_episode(world, PolicyCommander(str(tmp_path / "tiny"), body="tabletop"), told, max_steps=9)
    world.close()
    assert result.compared + result.ties == result.answers > 0, "an evaluation judges the answers of this mode"
    assert set(result.directions) <= set(bundle.answers.texts) and sum(result.confusions.values()) <= result.compared


def test_distances_are_single_words_with_probabilities(recording: Path) -> None:
    start, _, _ = make(recording, "distance")
    policy = TorchPolicy(start)
    check(policy, ("grasped", "near", "middle", "far"), single=True)
    brain = Brain(bundle_in_memory(start), policy, 0)
    assert brain.bundle.manifest.listed_answers == ("grasped", "near", "middle", "far")
    assert brain.overrides([("milk", "far")], ("milk",)) == {"milk": "far"}
    with pytest.raises(ValueError, match="expected one of grasped, near, middle, far, found 'left'"):
        brain.overrides([("milk", "left")], ("milk",))


def test_settings_that_do_not_go_together_are_refused(recording: Path, run: Path) -> None:
    with pytest.raises(ValueError, match="expected no --balance"):
        make(recording, "distance", balance=0.5)
    with pytest.raises(ValueError, match="words that the tokenizer knows"):
        make(recording, "distance", init=run, codec="fast")
    with pytest.raises(ValueError, match="name the matching settings"):
        make(recording, "fine_direction", init=run, questions="none", codec="fast")
