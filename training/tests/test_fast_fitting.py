"""A FAST tokenizer fitted to demonstrations says them in few codes, and travels in the published format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inspire_policy.codecs.fast import read_fast
from inspire_policy.codecs.registry import make_codec
from inspire_training.codecs.fast import fit_fast, write_fast
from inspire_training.codecs.fitting import fit
from inspire_training.settings import CodecSettings


def smooth_chunks(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    goals = rng.choice([-0.8, -0.2, 0.0, 0.3, 0.9], (count, 1, 6))
    motion = goals * np.linspace(1, 0.5, 8)[:, None]
    return np.concatenate([motion, np.repeat(rng.integers(0, 2, (count, 1, 1)), 8, axis=1)], axis=2)


def test_fitted_fast_is_short_exact_enough_and_survives_the_published_format(tmp_path: Path) -> None:
    chunks = smooth_chunks(600)
    codec, arrays = fit_fast(chunks, codes=1024, scale=20.0)
    codes = [codec.encode(chunk) for chunk in chunks[:100]]
    assert np.mean([len(c) for c in codes]) < 20, "56 numbers in few codes"
    error = [np.abs(codec.decode(c) - chunk).max() for c, chunk in zip(codes, chunks)]
    assert max(error) < 0.08
    write_fast(tmp_path / "published", arrays)
    again = make_codec("fast", 8, {}, read_fast(tmp_path / "published"))
    for code, chunk in zip(codes, chunks):
        assert np.array_equal(again.encode(chunk), code)
    rng = np.random.default_rng(1)
    for _ in range(20):  # characters of two bytes, cut anywhere: whatever is said is a chunk
        said: list[int] = []
        while len(allowed := codec.may_follow(said)):
            said.append(int(rng.choice(allowed)))
        assert codec.decode(np.array(said)).shape == (8, 7)
    far = np.clip(chunks[0] * 1.1, [-1] * 6 + [0], 1)
    assert codec.decode(codec.encode(far)).shape == (8, 7), "a little more than it was fitted to has codes as well"


def test_the_command_fits_recorded_demonstrations(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "codec.npz"
    fit(CodecSettings(data=(recording,), out=out, kind="fast", codes=512))
    with np.load(out) as file:
        codec = make_codec("fast", 8, {}, dict(file))
    assert codec.code_values <= 512
    with pytest.raises(ValueError, match="expected at least 256 for FAST"):
        fit(CodecSettings(data=(recording,), out=out, kind="fast"))
