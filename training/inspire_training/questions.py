"""The question-answer part of InSpire as a plug-in: for any causal language model of Hugging Face, any sequence style
and any action tokenizer with codes.

`batch_loss` trains answers and actions by plain cross-entropy; `ask_and_act` answers under constraint and generates the
action codes, with every token fed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inspire_policy.codecs.base import ActionCodec
from inspire_policy.sequence import IGNORED, TrainingSequence, attention_bias, collate
from inspire_policy.sequences.base import SequenceStyle


def answer_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits (B, T, V) with labels (B, T), which stand one row later; IGNORED is not trained."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORED)


def batch_loss(
    model: Any, sequences: Sequence[TrainingSequence], prefix_attention: str, perception: Tensor | None = None
) -> Tensor:
    """The loss of a language model on some sequences.

    Args:
        model: of Hugging Face, with `get_input_embeddings` and an additive attention mask of four dimensions.
        sequences: see `inspire_policy.sequence.training_sequence`. prefix_attention: of their style.
        perception: embeddings (B, N, width) for the rows that take them; None for a style without any.
    """
    batch = collate(sequences, prefix_attention)
    labels = np.full(batch.token_ids.shape, IGNORED, dtype=np.int64)
    for row, sequence in enumerate(sequences):
        labels[row, : len(sequence.labels)] = sequence.labels
    embeddings = _embedded(model, torch.from_numpy(batch.token_ids), sequences[0].perception_start, perception)
    bias = torch.from_numpy(batch.attention_bias).to(embeddings)
    logits = model(inputs_embeds=embeddings, attention_mask=bias, use_cache=False).logits
    return answer_loss(logits, torch.from_numpy(labels).to(logits.device))


@torch.inference_mode()
def ask_and_act(
    model: Any,
    style: SequenceStyle,
    codec: ActionCodec,
    words: Sequence[str],
    instruction: str,
    objects: Sequence[str],
    *,
    perception: Tensor | None = None,
    state: np.ndarray | None = None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """One answer of `words` per object, then action codes int64; nothing else can be said.

    Args:
        perception: embeddings (1, N, width). state: what the arm feels, SI, for styles that say it.
    """
    pending = style.prefix_ids(instruction, state)
    feed = _Feed(model, style, perception, len(pending))
    answers: list[str] = []
    word_ids = np.array([style.answer_id(word) for word in words])
    for name in objects:
        logits = feed(np.concatenate([pending, style.question_ids(name)]))
        answers.append(words[int(logits[word_ids].argmax())])
        pending = np.concatenate([[style.answer_id(answers[-1])], style.answer_end_ids()])
    logits = feed(np.concatenate([pending, style.action_ids(instruction, 0)]))
    code_ids = style.code_ids(codec.code_values)
    codes: list[int] = []
    while len(allowed := codec.may_follow(codes)):
        if codes:
            logits = feed(code_ids[codes[-1:]])
        codes.append(int(allowed[int(logits[code_ids[allowed]].argmax())]))
    return tuple(answers), np.array(codes, dtype=np.int64)


class _Feed:
    """Feeds new rows to a model with a cache and gives the logits (V,) of the last one."""

    def __init__(self, model: Any, style: SequenceStyle, perception: Tensor | None, prefix: int) -> None:
        self._model, self._style, self._perception, self._prefix = model, style, perception, prefix
        self._cache: Any = None

    def __call__(self, ids: np.ndarray) -> Tensor:
        first = self._cache is None
        embeddings = _embedded(
            self._model,
            torch.from_numpy(ids.astype(np.int64))[None],
            self._style.perception_start,
            self._perception if first else None,
        )
        options: dict[str, Any] = {}
        if first and self._style.prefix_attention == "bidirectional":
            bias = attention_bias(len(ids), cached=0, cache_length=0, bidirectional=self._prefix)
            options["attention_mask"] = torch.from_numpy(bias)[None, None].to(embeddings)
        out = self._model(inputs_embeds=embeddings, past_key_values=self._cache, use_cache=True, **options)
        self._cache = out.past_key_values
        return out.logits[0, -1]


def _embedded(model: Any, ids: Tensor, start: int, perception: Tensor | None) -> Tensor:
    embed = model.get_input_embeddings()
    embeddings = embed(ids.to(embed.weight.device))
    if perception is None:
        return embeddings
    end = start + perception.shape[1]
    return torch.cat([embeddings[:, :start], perception.to(embeddings), embeddings[:, end:]], dim=1)
