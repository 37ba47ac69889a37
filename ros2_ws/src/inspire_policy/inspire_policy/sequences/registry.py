"""The sequence style that a manifest names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspire_policy.sequences.base import SequenceStyle, StyleBase
from inspire_policy.sequences.compact import CompactSequence
from inspire_policy.sequences.minivla import MiniVLASequence
from inspire_policy.sequences.pi0_fast import Pi0FastSequence
from inspire_policy.tokens import TextTokenizer

STYLES: dict[str, type[StyleBase]] = {
    style.kind: style for style in (CompactSequence, MiniVLASequence, Pi0FastSequence)
}


def make_style(
    kind: str,
    tokenizer: TextTokenizer,
    *,
    perception_tokens: int,
    prefix_attention: str,
    question_mode: str = "direction",
    settings: Mapping[str, Any] | None = None,
) -> SequenceStyle:
    """The style of a manifest. Raises ValueError on an unknown kind, question mode or setting."""
    if kind not in STYLES:
        raise ValueError(
            f"sequence style: expected one of {', '.join(STYLES)}, found {kind!r}; update inspire_policy or export "
            "again"
        )
    style: Any = STYLES[kind](
        tokenizer,
        perception_tokens=perception_tokens,
        prefix_attention=prefix_attention,
        question_mode=question_mode,
        settings=settings,
    )
    return style
