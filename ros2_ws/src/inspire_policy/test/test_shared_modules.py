"""What training and the robot share: image geometry, proprioception, tokens, sequence, instructions, codecs."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_policy.action import ActionContract
from inspire_policy.codecs.base import leads_from_rows, rows_from_leads
from inspire_policy.codecs.registry import make_codec
from inspire_policy.directions import REP103
from inspire_policy.images import ImageGeometry
from inspire_policy.instructions import checked_instruction, checked_objects, objects_named
from inspire_policy.proprioception import proprioception_vector
from inspire_policy.rotations import quaternion_from_rotvec
from inspire_policy.sequence import MASKED, attention_bias, collate, training_sequence
from inspire_policy.sequences.compact import CompactSequence
from inspire_policy.sequences.registry import make_style
from inspire_policy.tokens import build_tokenizer, padded_instruction_ids, text_ids, token_id

KNOWN = ("milk", "tomato sauce", "tomato", "bin", "plate")
TOKENIZER = build_tokenizer(
    ["Pick up the milk and place it in the bin", "In which direction is the milk relative to the robot?"],
    REP103.words,
    8,
    16,
)


def gradient(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 3 % 256, columns * 2 % 256, (rows + columns) % 256], axis=2).astype(np.uint8)


def test_golden_images():
    """Pixels computed once by hand-checked code; a change here changes what every trained model sees."""
    image = gradient(8, 8)
    np.testing.assert_array_equal(ImageGeometry(8, 8).apply(image), image)
    np.testing.assert_array_equal(ImageGeometry(8, 8, flip="vertical").apply(image), image[::-1])
    np.testing.assert_array_equal(ImageGeometry(8, 8, flip="rotate180").apply(image), image[::-1, ::-1])
    small = ImageGeometry(2, 2, filter="area").apply(image)
    # means of 4x4 blocks: red 3 x (1.5, 5.5) rounded to even, green 2 x (1.5, 5.5), blue sums
    np.testing.assert_array_equal(small[..., 1], [[3, 11], [3, 11]])
    np.testing.assert_array_equal(small[..., 2], [[3, 7], [7, 11]])
    cropped = ImageGeometry(4, 4, crop=0.25).apply(image)  # a quarter of the area: the middle half of each side
    np.testing.assert_array_equal(cropped, image[2:6, 2:6])
    for name in ("bilinear", "bicubic", "lanczos"):
        out = ImageGeometry(5, 3, crop=0.9, filter=name).apply(gradient(20, 30))
        assert out.shape == (3, 5, 3) and out.dtype == np.uint8 and out.flags.c_contiguous


@pytest.mark.parametrize("change", [{"crop": 0.0}, {"crop": 1.1}, {"flip": "left"}, {"filter": "magic"}, {"width": 0}])
def test_wrong_geometry_is_refused(change):
    with pytest.raises(ValueError, match="image geometry: expected"):
        ImageGeometry(**{"width": 8, "height": 8, **change})


def test_wrong_images_are_refused():
    geometry = ImageGeometry(16, 16)
    for wrong in (np.zeros((16, 16), np.uint8), np.zeros((16, 16, 3), np.float32), np.zeros((16, 16, 4), np.uint8)):
        with pytest.raises(ValueError, match="image: expected uint8"):
            geometry.apply(wrong)
    geometry.check_source(32, 32)
    for size in ((32, 16), (8, 8)):
        with pytest.raises(ValueError, match="at least 16x16"):
            geometry.check_source(*size)


def test_the_centre_of_another_aspect_is_a_view_of_the_models_aspect():
    square, wide = ImageGeometry(16, 16), ImageGeometry(32, 16)
    columns = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (48, 64, 3))
    kept = square.centred(columns)
    assert kept.shape == (48, 48, 3) and kept[0, 0, 0] == 8 and kept[0, -1, 0] == 55
    assert np.shares_memory(kept, columns)
    square.check_source(kept.shape[1], kept.shape[0])
    rows = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None], (64, 64, 3))
    kept = wide.centred(rows)
    assert kept.shape == (32, 64, 3) and kept[0, 0, 0] == 16 and kept[-1, 0, 0] == 47
    assert square.centred(rows).shape == rows.shape


def test_proprioception_holds_position_two_columns_and_opening():
    quaternion = quaternion_from_rotvec(np.array([0.0, 0.0, np.pi / 2]))
    vector = proprioception_vector(np.array([0.1, 0.2, 0.3]), quaternion * 2.0, 0.25)
    np.testing.assert_allclose(vector, [0.1, 0.2, 0.3, 0, 1, 0, -1, 0, 0, 0.25], atol=1e-6)
    assert vector.dtype == np.float32
    with pytest.raises(ValueError, match="finite"):
        proprioception_vector(np.array([np.nan, 0, 0]), quaternion, 0.5)
    with pytest.raises(ValueError, match="unit quaternion"):
        proprioception_vector(np.zeros(3), np.zeros(4), 0.5)


def test_instruction_text_cannot_become_a_special_token():
    special = {token_id(TOKENIZER, name) for name in ("<act>", "<bos>", "<query_0>", "<code_3>")}
    assert not special & set(text_ids(TOKENIZER, "<act> <bos> <query_0> <code_3> milk"))
    assert token_id(TOKENIZER, "<pad>") == 0 and token_id(TOKENIZER, "<unk>") == 1
    assert text_ids(TOKENIZER, "PICK Up,") == text_ids(TOKENIZER, "pick up ,")
    assert 1 not in text_ids(TOKENIZER, "in which direction is the bin relative to the robot?")
    with pytest.raises(ValueError, match="at most 3 tokens, found 4"):
        padded_instruction_ids(TOKENIZER, "pick up the milk", 3)


def test_sequence_rows_mean_what_they_say():
    style = CompactSequence(TOKENIZER, perception_tokens=5)
    sequence = training_sequence(style, "pick up the milk", [("milk", "up"), ("bin", "left")], queries=8)
    ids = sequence.token_ids
    assert sequence.prefix_length == 5 + 1 + 4 + 1 and list(ids[:5]) == [0] * 5
    assert (
        list(ids[sequence.answer_rows]) == [style.answer_id("up"), style.answer_id("left")] == list(sequence.answer_ids)
    )
    assert ids[sequence.answer_rows[0] - 1] == text_ids(TOKENIZER, "?")[0]
    assert list(ids[sequence.query_rows]) == [token_id(TOKENIZER, f"<query_{i}>") for i in range(8)]
    assert ids[sequence.query_rows[0] - 1] == token_id(TOKENIZER, "<act>") and sequence.query_rows[-1] == len(ids) - 1
    coded = training_sequence(style, "pick up the milk", [], codes=[3, 1, 15], code_values=16)
    assert list(coded.token_ids[coded.code_rows]) == [token_id(TOKENIZER, f"<code_{i}>") for i in (3, 1, 15)]
    with pytest.raises(ValueError, match="sequence style: expected one of compact"):
        make_style("fancy", TOKENIZER, perception_tokens=5, prefix_attention="causal")


@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
def test_padding_and_steps_see_the_same(attention):
    """A row of a padded batch sees exactly what the same row sees when it is fed step by step with a cache."""
    style = CompactSequence(TOKENIZER, perception_tokens=5, prefix_attention=attention)
    long = training_sequence(
        style, "pick up the milk and place it in the bin", [("milk", "up"), ("bin", "left")], queries=8
    )
    short = training_sequence(style, "pick up", [], queries=8)
    batch = collate([short, long], attention)
    rows = batch.token_ids.shape[1]
    assert rows == len(long.token_ids) and batch.answer_mask.tolist() == [[False, False], [True, True]]
    visible = batch.attention_bias[:, 0] == 0.0
    assert not visible[0, : len(short.token_ids), len(short.token_ids) :].any()
    prefix = long.prefix_length
    assert visible[1, 0, prefix - 1] == (attention == "bidirectional")
    assert not visible[1, :prefix, prefix:].any()
    cached, fed, cache = prefix, 7, 60
    bias = attention_bias(fed, cached=cached, cache_length=cache)
    seen = np.concatenate([bias[:, :cached], bias[:, cache:]], axis=1) == 0.0
    np.testing.assert_array_equal(seen, visible[1, cached : cached + fed, : cached + fed])
    assert (bias[:, cached:cache] == MASKED).all()


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("pick up the purple dinosaur and place it in the bin", ("purple dinosaur", "bin")),
        ("Put the Tomato Sauce on the plate.", ("tomato sauce", "plate")),
        ("put the tomato next to the tomato sauce", ("tomato", "tomato sauce")),
        ("pick up the milk, then put the milk in the bin", ("milk", "bin")),
        ("grab milk and drop it into bin", ("milk", "bin")),
        ("grab dinosaur", ("dinosaur",)),
        ("place the milk to the left of the plate", ("milk", "plate")),
        ("yeet the milk", ("milk",)),
        ("turn on the stove and put the moka pot on it", ("stove", "moka pot")),
        ("milkshake", ()),
        ("do a barrel roll", ("barrel roll",)),
        ("?!", ()),
    ],
)
def test_objects_named(text, objects):
    assert objects_named(text, KNOWN) == objects


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_names_objects_once_and_in_lower_case(text):
    found = objects_named(text, KNOWN)
    assert len(set(found)) == len(found) and all(name and name == name.lower() for name in found)


def test_wrong_instructions_are_refused():
    assert checked_instruction("  pick   up\nthe milk ") == "pick up the milk"
    with pytest.raises(ValueError, match="found an empty one"):
        checked_instruction(" \n")
    with pytest.raises(ValueError, match="at most 256 characters, found 10000"):
        checked_instruction("x" * 10_000)
    assert checked_objects(("milk",), KNOWN, 4) == ("milk",)
    with pytest.raises(ValueError, match="expected objects among milk, .*; found 'purple dinosaur'"):
        checked_objects(("milk", "purple dinosaur"), KNOWN, 4)
    with pytest.raises(ValueError, match="name an object, found none"):
        checked_objects((), KNOWN, 4)
    with pytest.raises(ValueError, match="at most 1 objects, found 2"):
        checked_objects(("milk", "bin"), KNOWN, 1)


def random_rows(seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).uniform(-1, 1, (8, 7))
    rows[:, 6] = (rows[:, 6] + 1) / 2
    return rows


def test_rows_and_leads_are_inverse():
    contract = ActionContract()
    np.testing.assert_allclose(
        rows_from_leads(leads_from_rows(random_rows(), contract), contract), random_rows(), atol=1e-12
    )


def test_bins_err_by_half_a_bin_at_most():
    codec = make_codec("bins", 8, {"bins": 256}, {})
    codes = codec.encode(random_rows())
    assert codes.shape == (56,) and codes.min() >= 0 and codes.max() <= 255
    error = np.abs(codec.decode(codes) - random_rows())
    assert error[:, :6].max() <= 1 / 256 + 1e-6 and error[:, 6].max() <= 0.5 / 256 + 1e-6
    extremes = np.array([[-1.0] * 6 + [0.0], [1.0] * 6 + [1.0]] * 4)
    assert set(codec.encode(extremes)) == {0, 255}


def test_residual_vq_decodes_the_sum_of_its_codes():
    arrays = tiny_bundle.vq_arrays()
    codec = make_codec("residual_vq", 8, {}, arrays)
    assert (codec.codes, codec.code_values, codec.queries) == (3, 16, 0)
    codes = codec.encode(random_rows())
    vector = sum(arrays["codebooks"][i, code] for i, code in enumerate(codes))
    hidden = np.maximum(arrays["decoder_weight_0"] @ vector + arrays["decoder_bias_0"], 0)
    values = (arrays["decoder_weight_1"] @ hidden + arrays["decoder_bias_1"]).reshape(8, 7)
    np.testing.assert_allclose(codec.decode(codes)[:, :6], np.clip(values[:, :6], -1, 1), atol=1e-5)
    np.testing.assert_allclose(codec.decode(codes)[:, 6], np.clip((values[:, 6] + 1) / 2, 0, 1), atol=1e-5)
    with pytest.raises(ValueError, match="expected an encoder from 28 to 12"):
        make_codec("residual_vq", 4, {}, arrays)


@pytest.mark.parametrize("kind", ["continuous", "bins", "residual_vq"])
def test_codecs_refuse_what_they_cannot_read(kind):
    codec = make_codec(kind, 8, {}, tiny_bundle.vq_arrays())
    with pytest.raises(ValueError, match="chunk: expected finite"):
        codec.encode(np.full((8, 7), np.nan))
    with pytest.raises(ValueError, match="expected"):
        codec.decode(np.full(5, 999))
    with pytest.raises(ValueError, match="action codec: expected one of continuous, .*bins, .* found 'fancy'"):
        make_codec("fancy", 8, {}, {})
