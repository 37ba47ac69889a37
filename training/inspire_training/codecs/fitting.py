"""`inspire codec`: fit an action codec to the chunks of demonstrations, print its error and write codec.npz."""

from __future__ import annotations

import numpy as np
import torch

from inspire_policy.codecs.base import ActionCodec
from inspire_training.codecs.fast import fit_fast
from inspire_training.codecs.files import write_arrays
from inspire_training.codecs.residual_vq import fit_chunks
from inspire_training.data.frames import expert_chunks
from inspire_training.data.hdf5 import demonstration_files, read_expert_actions
from inspire_training.settings import CodecSettings


def fit(settings: CodecSettings) -> ActionCodec:
    """Fit, print the error on some chunks and write codec.npz."""
    torch.set_num_threads(settings.threads)
    length = settings.chunk_length
    chunks = np.concatenate(
        [expert_chunks(a, length) for path in demonstration_files(settings.data) for a in read_expert_actions(path)]
    )
    codec: ActionCodec
    if settings.kind == "fast":
        codec, arrays = fit_fast(chunks, codes=settings.codes, scale=settings.scale)
        write_arrays(settings.out, arrays)
    else:
        codec = fit_chunks(chunks, settings)
    held_out = chunks[:: max(1, len(chunks) // 500)]
    codes = [codec.encode(chunk) for chunk in held_out]
    error = np.mean([np.abs(codec.decode(code)[:, :6] - chunk[:, :6]).mean() for code, chunk in zip(codes, held_out)])
    print(
        f"{settings.out}: {np.mean([len(code) for code in codes]):.1f} codes of {codec.code_values}, mean error "
        f"{error:.4f} (motion, normalised) on {len(held_out)} chunks"
    )
    return codec
