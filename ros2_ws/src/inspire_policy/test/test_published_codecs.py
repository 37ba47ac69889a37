"""Codecs of the published models: 256 bins, statistics, and FAST against its published arithmetic."""

import json

import numpy as np
import pytest
from scipy.fft import dct, idct
from tokenizers import ByteLevelBPETokenizer
from tokenizers.trainers import BpeTrainer

from inspire_policy.codecs.fast import FastCodec, cosine_transform, read_fast
from inspire_policy.codecs.registry import make_codec

SCALE = 10.0


def smooth_rows(count: int, seed: int = 0) -> np.ndarray:
    """Chunks (count, 8, 7) as an arm moves: ramps, and a gripper that changes at most once."""
    random = np.random.default_rng(seed)
    motion = random.uniform(-1, 1, (count, 1, 6)) * np.linspace(1, random.uniform(0, 1), 8)[:, None]
    gripper = (np.arange(8) >= random.integers(0, 9, (count, 1))).astype(float)[..., None]
    return np.concatenate([motion, gripper], axis=2)


def published_statistics() -> dict[str, np.ndarray]:
    low, high = np.array([-0.9, -0.5, -0.3, -0.1, -0.2, -0.4, 0.0]), np.array([0.9, 0.6, 0.2, 0.3, 0.1, 0.5, 1.0])
    return {"q01": low, "q99": high, "mask": np.array([True] * 6 + [False])}


def test_edge_bins_are_the_published_256_edges_and_255_centres():
    codec = make_codec("edge_bins", 1, {"bins": 256}, published_statistics())
    statistics = published_statistics()
    row = np.array([[0.9, -0.5, 0.0, 0.2, -0.2, 0.5, 1.0]])
    edges = np.linspace(-1, 1, 256)
    values = np.clip(2 * (row - statistics["q01"]) / (statistics["q99"] - statistics["q01"] + 1e-8) - 1, -1, 1)
    values[:, 6] = row[:, 6]  # the gripper is not masked
    digits = np.digitize(np.clip(values, -1, 1), edges)[0]
    codes = codec.encode(row)
    assert np.array_equal(codes, digits - 1) and digits.min() >= 1 and codes[6] == 255
    centres = (edges[:-1] + edges[1:]) / 2
    wanted = centres[np.clip(digits - 1, 0, 254)]
    stretched = 0.5 * (wanted + 1) * (statistics["q99"] - statistics["q01"]) + statistics["q01"]
    wanted = np.where(statistics["mask"], stretched, wanted)
    np.testing.assert_allclose(codec.decode(codes)[0], wanted, atol=1e-6)
    assert np.abs(codec.decode(codes) - row).max() < 1 / 255 + 1e-6
    with pytest.raises(ValueError, match="codec statistics: expected q01, q99, mask"):
        make_codec("edge_bins", 1, {}, {"q01": np.zeros(7)})


def published_fast(folder, rows: np.ndarray) -> None:
    """Fit and write a tokenizer as the published processor does, by its own arithmetic."""
    coefficients = np.around(dct(_symmetric(rows), axis=1, norm="ortho") * SCALE)
    smallest, largest = int(coefficients.min()), int(coefficients.max())
    texts = ["".join(map(chr, (chunk.reshape(-1) - smallest).astype(int))) for chunk in coefficients]
    tokenizer = ByteLevelBPETokenizer()
    trainer = BpeTrainer(
        vocab_size=1024,
        min_frequency=2,
        show_progress=False,
        special_tokens=[],
        initial_alphabet=[chr(i) for i in range(largest - smallest + 1)],
        max_token_length=10000,
    )
    tokenizer._tokenizer.train_from_iterator(texts, trainer=trainer)
    tokenizer._tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"scale": SCALE, "min_token": smallest, "vocab_size": 1024, "action_dim": 7, "time_horizon": 8}
    (folder / "processor_config.json").write_text(json.dumps(settings))


def _symmetric(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows[..., :6], 2 * rows[..., 6:] - 1], axis=-1)


@pytest.fixture(scope="module")
def published_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fast")
    published_fast(folder, smooth_rows(400))
    return folder


def test_fast_is_the_published_arithmetic(published_folder):
    codec = make_codec("fast", 8, {}, read_fast(published_folder))
    tokenizer = ByteLevelBPETokenizer()._tokenizer.from_file(str(published_folder / "tokenizer.json"))
    smallest = json.loads((published_folder / "processor_config.json").read_text())["min_token"]
    for rows in smooth_rows(400)[:30]:
        whole = np.around(dct(_symmetric(rows), axis=0, norm="ortho") * SCALE).astype(int)
        text = "".join(map(chr, np.maximum(whole.reshape(-1) - smallest, 0)))
        codes = codec.encode(rows)
        assert codes.tolist() == tokenizer.encode(text).ids
        said = np.array([ord(letter) for letter in tokenizer.decode(codes.tolist())]) + smallest
        values = idct(said.reshape(8, 7) / SCALE, axis=0, norm="ortho")
        wanted = np.concatenate([values[:, :6].clip(-1, 1), ((values[:, 6:] + 1) / 2).clip(0, 1)], axis=1)
        np.testing.assert_allclose(codec.decode(codes), wanted, atol=1e-6)
        assert np.abs(codec.decode(codes) - rows).mean() < 0.05
    assert codec.encode(smooth_rows(400)[0]).size < 56, "fewer codes than numbers"


def test_the_cosine_transform_is_scipys():
    signal = np.random.default_rng(0).normal(size=(10, 7))
    np.testing.assert_allclose(cosine_transform(10) @ signal, dct(signal, axis=0, norm="ortho"), atol=1e-12)


def test_whatever_fast_generates_is_a_chunk(published_folder):
    """A model that says anything, as long as the codec allows it, ends with a chunk of the right size."""
    codec = FastCodec(8, read_fast(published_folder))
    random = np.random.default_rng(3)
    for _ in range(40):
        codes: list[int] = []
        while len(allowed := codec.may_follow(codes)):
            codes.append(int(random.choice(allowed)))
            assert len(codes) <= codec.codes
        assert codec.decode(np.array(codes)).shape == (8, 7)
    for rows in smooth_rows(400)[:10]:
        codes = codec.encode(rows).tolist()
        for end in range(len(codes)):
            assert codes[end] in codec.may_follow(codes[:end]), "its own codes are always allowed"
        assert len(codec.may_follow(codes)) == 0


def test_fast_refuses_what_it_cannot_read(published_folder, tmp_path):
    codec = FastCodec(8, read_fast(published_folder))
    with pytest.raises(ValueError, match="found some without a code"):
        codec.encode(smooth_rows(1)[0])  # a byte that the published alphabet does not have and its data never had
    with pytest.raises(ValueError, match="expected 56 coefficients, found"):
        codec.decode(codec.encode(smooth_rows(400)[0])[:-1])
    with pytest.raises(ValueError, match=r"expected a row of values 0\.\."):
        codec.decode(np.array([10**6]))
    with pytest.raises(FileNotFoundError, match="found no tokenizer.json"):
        read_fast(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    (tmp_path / "processor_config.json").write_text('{"scale": 10, "min_token": -9}')
    with pytest.raises(ValueError, match="FAST: expected a tokenizer"):
        read_fast(tmp_path)
    with pytest.raises(ValueError, match="FAST: expected tokenizer, scale and min_token in codec.npz"):
        make_codec("fast", 8, {}, {})
