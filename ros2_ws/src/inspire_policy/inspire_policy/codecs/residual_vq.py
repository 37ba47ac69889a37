"""Residual vector quantisation of a whole chunk: encoder MLP, a chain of codebooks, decoder MLP; one code per codebook.

The arrays live in `codec.npz`: `codebooks` (quantizers, codes, width), and `encoder_weight_<i>` (out, in),
`encoder_bias_<i>`, `decoder_weight_<i>`, `decoder_bias_<i>` for i = 0, 1, ...; ReLU between the layers, none after the
last. The MLPs see the chunk's values (see `values`) flattened row by row and divided by `scale`, a number, where there
is one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspire_policy.action import LEAD_SIZE
from inspire_policy.codecs.base import FixedCodes, checked_codes, checked_rows
from inspire_policy.codecs.values import Values


class ResidualVQCodec(FixedCodes):
    """Codes of a chunk: the nearest vector of the first codebook, then of what is left over, and so on."""

    kind = "residual_vq"
    queries = 0

    def __init__(self, chunk_length: int, arrays: Mapping[str, np.ndarray]) -> None:
        if "codebooks" not in arrays or arrays["codebooks"].ndim != 3:
            raise ValueError(
                "residual VQ: expected codebooks of shape (quantizers, codes, width) in codec.npz; export the bundle "
                "again"
            )
        self.chunk_length = chunk_length
        self._codebooks = np.asarray(arrays["codebooks"], dtype=np.float32)
        self.codes, self.code_values, width = self._codebooks.shape
        self._values = Values(arrays)
        self._scale = np.float32(arrays.get("scale", 1.0))
        numbers = chunk_length * LEAD_SIZE
        self._encoder = _layers(arrays, "encoder", numbers, width)
        self._decoder = _layers(arrays, "decoder", width, numbers)

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Codes int64 (quantizers,) of rows (chunk_length, 7)."""
        flat = self._values.from_rows(checked_rows(rows, self.chunk_length)).reshape(-1).astype(np.float32)
        residual = _forward(self._encoder, flat / self._scale)
        codes = np.empty(self.codes, dtype=np.int64)
        for i, book in enumerate(self._codebooks):
            codes[i] = int(np.argmin(np.square(book - residual).sum(axis=1)))
            residual = residual - book[codes[i]]
        return codes

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """Rows float32 (chunk_length, 7) of codes int64 (quantizers,): the sum of the code vectors through the decoder,
        clipped.
        """
        codes = checked_codes(predicted, self.codes, self.code_values)
        vector = self._codebooks[np.arange(self.codes), codes].sum(axis=0)
        values = _forward(self._decoder, vector).reshape(self.chunk_length, LEAD_SIZE) * self._scale
        return checked_rows(self._values.to_rows(values), self.chunk_length).astype(np.float32)


def _layers(
    arrays: Mapping[str, np.ndarray], name: str, inputs: int, outputs: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    while f"{name}_weight_{len(layers)}" in arrays:
        index = len(layers)
        weight = np.asarray(arrays[f"{name}_weight_{index}"], dtype=np.float32)
        layers.append((weight, np.asarray(arrays[f"{name}_bias_{index}"], dtype=np.float32)))
    if not layers or layers[0][0].shape[1] != inputs or layers[-1][0].shape[0] != outputs:
        found = [weight.shape for weight, _ in layers]
        raise ValueError(
            f"residual VQ: expected an {name} from {inputs} to {outputs} numbers, found layers {found}; export the "
            "bundle again"
        )
    return layers


def _forward(layers: list[tuple[np.ndarray, np.ndarray]], vector: np.ndarray) -> np.ndarray:
    for weight, bias in layers[:-1]:
        vector = np.maximum(weight @ vector + bias, 0.0)
    weight, bias = layers[-1]
    return weight @ vector + bias
