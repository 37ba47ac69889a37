"""The codec that a manifest names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from inspire_policy.codecs.base import ActionCodec
from inspire_policy.codecs.bins import BinsCodec
from inspire_policy.codecs.continuous import ContinuousCodec
from inspire_policy.codecs.edge_bins import EdgeBinsCodec
from inspire_policy.codecs.fast import FastCodec
from inspire_policy.codecs.residual_vq import ResidualVQCodec
from inspire_policy.codecs.sampled import SampledCodec

Settings = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
_MAKERS: dict[str, Callable[[int, Settings, Arrays], ActionCodec]] = {
    ContinuousCodec.kind: lambda length, settings, arrays: ContinuousCodec(length),
    SampledCodec.kind: lambda length, settings, arrays: SampledCodec(length),
    BinsCodec.kind: lambda length, settings, arrays: BinsCodec(length, int(settings.get("bins", 256))),
    EdgeBinsCodec.kind: lambda length, settings, arrays: EdgeBinsCodec(length, arrays, int(settings.get("bins", 256))),
    ResidualVQCodec.kind: lambda length, settings, arrays: ResidualVQCodec(length, arrays),
    FastCodec.kind: lambda length, settings, arrays: FastCodec(length, arrays),
}
CODECS = tuple(_MAKERS)


def make_codec(kind: str, chunk_length: int, settings: Settings, arrays: Arrays) -> ActionCodec:
    """The codec `kind` with the manifest's `codec` settings ({"bins": 256} for bins) and the arrays of codec.npz.

    Raises ValueError.
    """
    if kind not in _MAKERS:
        raise ValueError(
            f"action codec: expected one of {', '.join(CODECS)}, found {kind!r}; update inspire_policy or export the "
            "bundle again"
        )
    return _MAKERS[kind](chunk_length, settings, arrays)
