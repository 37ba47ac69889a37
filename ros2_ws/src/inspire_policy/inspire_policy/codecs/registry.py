"""The codec that a manifest names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from inspire_policy.codecs.base import ActionCodec
from inspire_policy.codecs.bins import BinsCodec
from inspire_policy.codecs.continuous import ContinuousCodec
from inspire_policy.codecs.residual_vq import ResidualVQCodec

CODECS = (ContinuousCodec.kind, BinsCodec.kind, ResidualVQCodec.kind)


def make_codec(
    kind: str, chunk_length: int, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> ActionCodec:
    """The codec `kind` with the manifest's `codec` settings ({"bins": 256} for bins) and the arrays of codec.npz.

    Raises ValueError.
    """
    if kind == ContinuousCodec.kind:
        return ContinuousCodec(chunk_length)
    if kind == BinsCodec.kind:
        return BinsCodec(chunk_length, int(settings.get("bins", 256)))
    if kind == ResidualVQCodec.kind:
        return ResidualVQCodec(chunk_length, arrays)
    raise ValueError(
        f"action codec: expected one of {', '.join(CODECS)}, found {kind!r}; update inspire_policy or export the "
        "bundle again"
    )
