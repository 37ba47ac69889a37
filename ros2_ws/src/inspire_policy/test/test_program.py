"""The autoregressive program on a tiny bundle: passes, cache reuse, masking, forced answers, codecs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tiny_bundle

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.programs.autoregressive import AutoregressiveProgram
from inspire_policy.programs.base import Job, graph_files, make_program
from inspire_policy.sequence import collate, training_sequence
from inspire_policy.tokens import padded_instruction_ids


class CountingEngine:
    """The real engine, with every run remembered."""

    name = "counting"

    def __init__(self, engine) -> None:
        self.engine = engine
        self.runs: list[str] = []

    def inputs(self, graph):
        return self.engine.inputs(graph)

    def run(self, graph, inputs):
        self.runs.append(graph)
        return self.engine.run(graph, inputs)


def start(path):
    bundle = load_bundle(path)
    engine = CountingEngine(make_engine("onnxruntime", graph_files(bundle)))
    return bundle, engine, make_program(bundle, engine)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_one_vision_pass_for_any_number_of_questions(tiny, observation, count):
    _, engine, program = start(tiny)
    tick = program.tick(Job(observation, instruction=tiny_bundle.INSTRUCTION, objects=tiny_bundle.OBJECTS[:count]))
    assert engine.runs.count("perception") == tick.vision_passes == 1
    assert engine.runs.count("decoder") == tick.decoder_passes == count + 1
    assert [answer.object for answer in tick.answers] == list(tiny_bundle.OBJECTS[:count])
    assert len(tick.leads) == tiny_bundle.CHUNK and all(lead.finite for lead in tick.leads)


def full_recomputation(bundle, engine, observation, answers):
    """Logits and hidden states of the whole sequence in one pass with an empty cache."""
    manifest = bundle.manifest
    sequence = training_sequence(bundle.style, tiny_bundle.INSTRUCTION, answers, queries=bundle.codec.queries)
    batch = collate([sequence], manifest.decoder.prefix_attention)
    inputs = {f"image_{name}": g.apply(observation.images[name])[None] for name, g in manifest.cameras.items()}
    inputs["proprioception"] = observation.proprioception[None]
    inputs["instruction_ids"] = padded_instruction_ids(
        bundle.tokenizer, tiny_bundle.INSTRUCTION, manifest.perception.text_length
    )[None]
    rows = batch.token_ids.shape[1]
    embeddings = np.zeros((1, rows, manifest.perception.width), dtype=np.float32)
    embeddings[:, : sequence.perception_rows] = engine.run("perception", inputs)["embeddings"]
    spec = manifest.decoder
    past = np.zeros((spec.layers, 1, spec.kv_heads, spec.cache_length, spec.head_dim), dtype=np.float32)
    empty = np.full((1, 1, rows, spec.cache_length), -1e9, dtype=np.float32)
    outputs = engine.run(
        "decoder",
        {
            "token_ids": batch.token_ids,
            "embeddings": embeddings,
            "use_embeddings": batch.use_embeddings,
            "position_ids": batch.position_ids,
            "attention_bias": np.concatenate([empty, batch.attention_bias], axis=3),
            "past_keys": past,
            "past_values": past,
        },
    )
    return sequence, outputs


def test_cache_reuse_equals_full_recomputation(tiny, observation):
    bundle, engine, program = start(tiny)
    objects = tiny_bundle.OBJECTS[:3]
    for _ in range(2):  # the second tick must not see the first one's cache
        tick = program.tick(Job(observation, instruction=tiny_bundle.INSTRUCTION, objects=objects))
    answers = [(answer.object, answer.word) for answer in tick.answers]
    sequence, outputs = full_recomputation(bundle, engine, observation, answers)
    ids = [bundle.manifest.words.token_ids[word] for word in bundle.manifest.words.axis_of]
    for row, answer in zip(sequence.answer_rows, tick.answers, strict=True):
        logits = outputs["logits"][0, row - 1, ids].astype(np.float64)
        expected = np.exp(logits - logits.max())
        np.testing.assert_allclose(answer.probabilities, expected / expected.sum(), atol=1e-5)
        assert answer.word == bundle.manifest.words.vocabulary.words[int(np.argmax(logits))]
    chunk = engine.run("head", {"hidden": outputs["hidden"][:, sequence.query_rows]})["chunk"][0]
    np.testing.assert_allclose(tick.rows, chunk, atol=1e-5)


def test_same_observation_same_bits(tiny, observation):
    ticks = [
        start(tiny)[2].tick(Job(observation, instruction=tiny_bundle.INSTRUCTION, objects=("milk", "bin")))
        for _ in range(2)
    ]
    assert ticks[0].rows.tobytes() == ticks[1].rows.tobytes()
    assert [a.probabilities for a in ticks[0].answers] == [a.probabilities for a in ticks[1].answers]


@pytest.mark.parametrize("wrong", [(), ("milk",), ("bin",), ("milk", "bin", "bread")])
def test_a_draft_changes_the_passes_and_nothing_else(tiny, observation, wrong):
    bundle, _, program = start(tiny)
    objects = ("milk", "bread", "bin")
    told = {"instruction": tiny_bundle.INSTRUCTION, "objects": objects}
    plain = program.tick(Job(observation, **told))
    draft = {answer.object: answer.word for answer in plain.answers}
    for name in wrong:
        draft[name] = next(word for word in bundle.manifest.words.axis_of if word != draft[name])
    for given in (draft, {"milk": draft["milk"]}):
        drafted = program.tick(Job(observation, **told, draft=given))
        assert [(a.object, a.word) for a in drafted.answers] == [(a.object, a.word) for a in plain.answers]
        np.testing.assert_allclose(drafted.rows, plain.rows, atol=1e-5)
        unknown = sum(given.get(answer.object) != answer.word for answer in plain.answers)
        assert drafted.decoder_passes == 1 + unknown and drafted.vision_passes == 1


def test_every_image_pose_and_word_matters(tiny, observation):
    _, _, program = start(tiny)
    rows = program.tick(Job(observation, instruction=tiny_bundle.INSTRUCTION, objects=())).rows
    for change in (
        {"opening": 0.9},
        {"position": np.array([0.5, 0.1, 0.3])},
        {"images": {**observation.images, "wrist": np.zeros((32, 32, 3), np.uint8)}},
    ):
        seen = dataclasses.replace(observation, **change)
        assert np.abs(program.tick(Job(seen, tiny_bundle.INSTRUCTION, ())).rows - rows).max() > 1e-4
    other = program.tick(Job(observation, "place the bread in the bin", ()))
    assert np.abs(other.rows - rows).max() > 1e-4


def test_forced_answer_changes_the_chunk_and_keeps_the_probabilities(tiny, observation):
    _, _, program = start(tiny)
    free = program.tick(Job(observation, instruction=tiny_bundle.INSTRUCTION, objects=("milk", "bin")))
    other = next(word for word in ("up", "down") if word != free.answers[0].word)
    forced = program.tick(Job(observation, tiny_bundle.INSTRUCTION, ("milk", "bin"), forced={"milk": other}))
    assert forced.answers[0].word == other and forced.answers[0].forced and not forced.answers[1].forced
    np.testing.assert_allclose(forced.answers[0].probabilities, free.answers[0].probabilities, atol=1e-6)
    assert np.abs(forced.rows - free.rows).max() > 1e-5
    with pytest.raises(ValueError, match="expected one of right"):
        program.tick(
            Job(observation, instruction=tiny_bundle.INSTRUCTION, objects=("milk",), forced={"milk": "sideways"})
        )


def test_answers_and_codes_are_masked_even_when_all_logits_are_negative(tmp_path, observation):
    """Multiplying by 0 or 1 would choose a banned token here: the allowed ones are all below zero."""
    bundle, engine, _ = start(tiny_bundle.make_tiny_bundle(tmp_path / "b", codec="bins"))

    class Negative(CountingEngine):
        def run(self, graph, inputs):
            outputs = super().run(graph, inputs)
            return {**outputs, "logits": outputs["logits"] - 100.0} if graph == "decoder" else outputs

    plain = AutoregressiveProgram(bundle, engine).tick(Job(observation, instruction="milk", objects=("milk",)))
    shifted = AutoregressiveProgram(bundle, Negative(engine)).tick(
        Job(observation, instruction="milk", objects=("milk",))
    )
    assert shifted.answers[0].word == plain.answers[0].word
    np.testing.assert_array_equal(shifted.rows, plain.rows)


@pytest.mark.parametrize(("codec", "codes"), [("bins", 56), ("residual_vq", 3)])
def test_codes_are_generated_one_pass_each(tmp_path, observation, codec, codes):
    _, engine, program = start(tiny_bundle.make_tiny_bundle(tmp_path / "b", codec=codec))
    tick = program.tick(Job(observation, instruction="pick up the milk", objects=("milk",)))
    assert engine.runs.count("decoder") == 1 + codes  # the first code comes from the pass that fed the answer and <act>
    assert tick.rows.shape == (tiny_bundle.CHUNK, 7) and tick.vision_passes == 1


def test_baseline_without_questions_answers_nothing(tmp_path, observation):
    _, engine, program = start(tiny_bundle.make_tiny_bundle(tmp_path / "b", questions=False))
    tick = program.tick(Job(observation, instruction=tiny_bundle.INSTRUCTION, objects=("milk",)))
    assert tick.answers == () and engine.runs.count("decoder") == 1


def test_too_long_is_refused_before_the_first_tick(tiny, observation):
    bundle, _, program = start(tiny)
    with pytest.raises(ValueError, match="at most 40 tokens"):
        program.check("milk " * 41, ("milk",))
    small = dataclasses.replace(bundle.manifest, decoder=dataclasses.replace(bundle.manifest.decoder, cache_length=30))
    short = AutoregressiveProgram(dataclasses.replace(bundle, manifest=small), program._engine)
    with pytest.raises(ValueError, match="at most 30 tokens"):
        short.check(tiny_bundle.INSTRUCTION, ("milk", "bin"))
    with pytest.raises(ValueError, match="expected cameras agentview, wrist, found wrist"):
        blind = dataclasses.replace(observation, images={"wrist": observation.images["wrist"]})
        program.tick(Job(blind, "milk", ()))
