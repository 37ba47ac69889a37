"""`inspire codec --kind fast`: fit a FAST tokenizer to the expert's chunks and write the arrays of codec.npz.

The byte-pair encoding is trained on the texts of the chunks' rounded coefficients (see `inspire_policy.codecs.fast`),
without splitting them first, so that whole chunks can become one code. `write_fast` writes the published format.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from inspire_policy.codecs.base import symmetric_from_rows
from inspire_policy.codecs.fast import FAST_FILES, FastCodec, coefficients_text, cosine_transform, fast_arrays

MARGIN = 32  # coefficients below the smallest of the training set that can still be said
SPARE, ROOM = 1.5, 8  # codes of a chunk at most: so often what the longest of the training set takes, and so many more


def fit_fast(chunks: np.ndarray, *, codes: int, scale: float) -> tuple[FastCodec, dict[str, np.ndarray]]:
    """The codec of chunks (F, chunk_length, 7), normalised rows, and its arrays, with the budget of codes that every
    one of them keeps, and every chunk that holds a direction or holds still.

    Args:
        codes: size of the vocabulary. scale: coefficients are rounded to 1/scale.

    Raises:
        ValueError: the vocabulary cannot hold even the single bytes.
    """
    if codes < 256:
        raise ValueError(f"codes: expected at least 256 for FAST, one per byte, found {codes}; set --codes 1024")
    wave = cosine_transform(chunks.shape[1])
    everything = np.concatenate([chunks, _steady(chunks.shape[1])]).astype(np.float64)
    coefficients = np.einsum("kn,fnd->fkd", wave, symmetric_from_rows(everything))
    smallest = int(np.around(coefficients * scale).min()) - MARGIN
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=codes,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [coefficients_text(chunk, scale, smallest) for chunk in coefficients]
    tokenizer.train_from_iterator(texts, trainer)
    longest = max(len(said.ids) for said in tokenizer.encode_batch(texts, add_special_tokens=False))
    arrays = fast_arrays(tokenizer.to_str().encode(), scale=scale, smallest=smallest)
    arrays["budget"] = np.array(min(math.ceil(SPARE * longest) + ROOM, 2 * chunks[0].size))
    return FastCodec(chunks.shape[1], arrays), arrays


def _steady(chunk_length: int) -> np.ndarray:
    """Chunks that go in one direction at every tenth of full speed, or nowhere, with the gripper open or closed."""
    speeds = np.arange(-10, 11) / 10
    rows = np.zeros((len(speeds) * 3 * 2, 7))
    for index, (axis, speed, opening) in enumerate(product(range(3), speeds, (0.0, 1.0))):
        rows[index, axis], rows[index, 6] = speed, opening
    return np.repeat(rows[:, None], chunk_length, axis=1)


def write_fast(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the published format: tokenizer.json and processor_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    content = np.asarray(arrays["tokenizer"], dtype=np.uint8).tobytes()
    settings = {
        "processor_class": "UniversalActionProcessor",
        "action_dim": None,
        "time_horizon": None,
        "min_token": int(arrays["min_token"]),
        "scale": float(arrays["scale"]),
        "vocab_size": Tokenizer.from_str(content.decode()).get_vocab_size(),
    }
    (folder / FAST_FILES[0]).write_bytes(content)
    (folder / FAST_FILES[1]).write_text(json.dumps(settings, indent=2) + "\n")
