"""`inspire codec --kind fast`: fit a FAST tokenizer to the expert's chunks and write the arrays of codec.npz.

The byte-pair encoding is trained on the texts of the chunks' rounded coefficients (see `inspire_policy.codecs.fast`),
without splitting them first, so that whole chunks can become one code. `write_fast` writes the published format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from inspire_policy.codecs.base import symmetric_from_rows
from inspire_policy.codecs.fast import FAST_FILES, FastCodec, coefficients_text, cosine_transform, fast_arrays
from inspire_training.settings import CodecSettings

MARGIN = 32  # coefficients below the smallest of the training set that can still be said


def fit_fast(chunks: np.ndarray, settings: CodecSettings) -> tuple[FastCodec, dict[str, np.ndarray]]:
    """The codec of chunks (F, chunk_length, 7), normalised rows, and its arrays.

    Raises ValueError when the vocabulary cannot hold even the single bytes.
    """
    if settings.codes < 256:
        raise ValueError(
            f"codes: expected at least 256 for FAST, one per byte, found {settings.codes}; set --codes 1024"
        )
    wave = cosine_transform(chunks.shape[1])
    coefficients = np.einsum("kn,fnd->fkd", wave, symmetric_from_rows(chunks.astype(np.float64)))
    smallest = int(np.around(coefficients * settings.scale).min()) - MARGIN
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.codes,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (coefficients_text(chunk, settings.scale, smallest) for chunk in coefficients)
    tokenizer.train_from_iterator(texts, trainer)
    arrays = fast_arrays(tokenizer.to_str().encode(), scale=settings.scale, smallest=smallest)
    return FastCodec(chunks.shape[1], arrays), arrays


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
