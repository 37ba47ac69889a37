"""Grounding questions over real ONNX Runtime: cached passes, pixels of the camera's image, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tiny_bundle

from inspire_policy.bundle import Bundle, load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.images import ImageGeometry
from inspire_policy.observations import PolicyObservation
from inspire_policy.overlay import CAMERA_SIDE, LINE, Mark, draw_overlay
from inspire_policy.programs.base import graph_files
from inspire_policy.programs.grounding import WINDOW, Grounder
from inspire_policy.sequence import attention_bias
from inspire_policy.tokens import padded_instruction_ids, token_id

INSTRUCTION = tiny_bundle.INSTRUCTION


@pytest.fixture(scope="module")
def grounding(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "grounding"
    return load_bundle(tiny_bundle.make_tiny_bundle(folder, codec="sampled", grounds=True))


def grounder(bundle: Bundle) -> Grounder:
    return Grounder(bundle, make_engine("onnxruntime", graph_files(bundle)))


def test_answers_are_the_models_own_by_whole_passes(grounding: Bundle, observation: PolicyObservation) -> None:
    """Every location by a pass over the whole sequence, nothing cached, gives the same pixels."""
    found = grounder(grounding).ground(observation, instruction=INSTRUCTION, questions=[("box", "milk")])[0]
    engine, manifest = make_engine("onnxruntime", graph_files(grounding)), grounding.manifest
    felt = observation.proprioception
    text = "Find the milk"
    inputs = {f"image_{c}": g.apply(observation.images[c])[None] for c, g in manifest.cameras.items()}
    inputs["proprioception"] = felt[None]
    ids = padded_instruction_ids(grounding.tokenizer, text, manifest.perception.text_length)
    seen = engine.run("perception", {**inputs, "instruction_ids": ids[None]})["embeddings"]
    prefix = grounding.style.prefix_ids(text)
    first = token_id(grounding.tokenizer, "<loc_0>")
    spec = manifest.decoder
    cache = np.zeros((spec.layers, 1, spec.kv_heads, spec.cache_length, spec.head_dim), np.float32)
    said: list[int] = []
    exact = []
    for _ in range(4):
        tokens = np.array([*prefix, *(first + i for i in said)], dtype=np.int64)
        rows = len(tokens)
        given, use = np.zeros((1, rows, 16), np.float32), np.zeros((1, rows, 1), np.float32)
        given[:, :4], use[:, :4] = seen, 1.0
        bias = attention_bias(rows, cached=0, cache_length=spec.cache_length, bidirectional=len(prefix))
        outputs = engine.run(
            "decoder",
            {
                "token_ids": tokens[None], "embeddings": given, "use_embeddings": use,
                "position_ids": np.arange(rows)[None], "attention_bias": bias[None, None],
                "past_keys": cache, "past_values": cache,
            },
        )  # fmt: skip
        logits = outputs["logits"][0, -1, first : first + tiny_bundle.STEPS + 1].astype(float)
        shares = np.exp(logits - logits.max())
        said.append(int(shares.argmax()))
        near = np.arange(max(0, said[-1] - WINDOW), min(len(shares), said[-1] + WINDOW + 1))
        exact.append(near @ shares[near] / shares[near].sum())
    corners = np.array(exact).reshape(2, 2) / tiny_bundle.STEPS * 32  # px of the camera's 32 x 32
    np.testing.assert_allclose(found.points, [corners.min(0), corners.max(0)], atol=1e-3)
    assert (found.task, found.object) == ("box", "milk") and 0 < found.confidence <= 1


def test_pixels_are_the_cameras_whatever_the_model_sees(grounding: Bundle, observation: PolicyObservation) -> None:
    """An upside-down model image gives mirrored pixels; a larger camera image larger ones."""
    ask = {"instruction": INSTRUCTION, "questions": [("point", "milk"), ("trace", "")]}
    point, trace = grounder(grounding).ground(observation, **ask)
    assert point.points.shape == (1, 2) and trace.points.shape == (10, 2)
    cameras = {name: dataclasses.replace(g, flip="rotate180") for name, g in grounding.manifest.cameras.items()}
    flipped = dataclasses.replace(grounding, manifest=dataclasses.replace(grounding.manifest, cameras=cameras))
    turned = dataclasses.replace(observation, images={n: i[::-1, ::-1] for n, i in observation.images.items()})
    other = grounder(flipped).ground(turned, **ask)
    np.testing.assert_allclose(other[0].points, 32 - point.points, atol=1e-3)
    big = {name: np.repeat(np.repeat(i, 2, 0), 2, 1) for name, i in observation.images.items()}
    large = grounder(grounding).ground(dataclasses.replace(observation, images=big), **ask)
    np.testing.assert_allclose(large[1].points, 2 * trace.points, atol=1e-2)
    assert isinstance(grounding.manifest.cameras["agentview"], ImageGeometry)


def test_what_is_asked(grounding: Bundle, tiny: Path) -> None:
    asked = grounder(grounding)
    objects = ("milk", "bin")
    assert asked.questions([], objects, INSTRUCTION) == [
        ("box", "milk"), ("box", "bin"), ("point", "milk"), ("point", "bin"), ("trace", "")
    ]  # fmt: skip
    assert asked.questions(["trace", "box"], ["milk"], "") == [("box", "milk")]
    for tasks, names, instruction, message in (
        (["mask"], objects, "", "expected each task among box, point, trace, found 'mask'"),
        ([], ["spoon"], "", "expected each object among milk, cereal, bread, bin, found 'spoon'"),
        ([], [], "", "name objects or give an instruction"),
        (["trace"], objects, "", "found neither"),
    ):
        with pytest.raises(ValueError, match=message):
            asked.questions(tasks, names, instruction)
    with pytest.raises(ValueError, match="expected a bundle that was trained to ground"):
        grounder(load_bundle(tiny))


def test_marks_are_drawn_on_their_camera() -> None:
    images = {name: np.zeros((32, 32, 3), np.uint8) for name in ("agentview", "wrist")}
    box = Mark("agentview", "box", "milk", np.array([[8.0, 8.0], [24.0, 24.0]]))
    outside = Mark("agentview", "trace", "", np.array([[-50.0, 10.0], [90.0, 900.0]]))
    plain = draw_overlay(images, "go", (), ())
    drawn = draw_overlay(images, "go", (), (), marks=[box, outside])
    changed = (drawn != plain).any(axis=2)
    assert changed[:, :CAMERA_SIDE].any() and not changed[:, CAMERA_SIDE:].any()
    edge = drawn[LINE + 80 : LINE + 240, 80]
    assert (edge == (255, 190, 60)).all(axis=1).mean() > 0.8, "the left edge of the box, ten times as large"
