"""The small word-level tokenizer of this project's own bundles, and how text and special tokens become ids.

Text is lower-cased and split at white space and punctuation. The special tokens are in the vocabulary but the
splitting cuts them apart ("<act>" becomes "<", "act", ">"), so no instruction can smuggle one in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

PAD, UNKNOWN, BEGIN, SEPARATOR, ACT = "<pad>", "<unk>", "<bos>", "<sep>", "<act>"


class TextTokenizer(Protocol):
    """The part of `tokenizers.Tokenizer` that is used here."""

    encode_special_tokens: bool

    def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Any: ...

    def token_to_id(self, token: str) -> int | None: ...

    def get_vocab_size(self) -> int: ...


def query_token(index: int) -> str:
    """Name of the query token whose hidden state becomes step `index` of a chunk."""
    return f"<query_{index}>"


def code_token(index: int) -> str:
    """Name of the token of action code `index`."""
    return f"<code_{index}>"


def build_tokenizer(texts: Iterable[str], answer_words: Sequence[str], queries: int, codes: int) -> Tokenizer:
    """A tokenizer that knows every word of `texts`.

    Args:
        texts: sentences that will be met: instruction templates filled with objects, questions. Order does not matter.
        answer_words: one token each, with ids independent of `texts`.
        queries: number of query tokens (chunk length for the continuous codec, else 0).
        codes: number of action code tokens (size of a codebook or bins, 0 for the continuous codec).

    Returns:
        A tokenizer with ids: <pad> 0, <unk> 1, <bos>, <sep>, <act>, the queries, the codes, the answer words, the
        words sorted.
    """
    normaliser = normalizers.Lowercase()
    splitter = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")])
    special = [PAD, UNKNOWN, BEGIN, SEPARATOR, ACT, *map(query_token, range(queries)), *map(code_token, range(codes))]
    for word in answer_words:
        if len(splitter.pre_tokenize_str(normaliser.normalize_str(word))) != 1:
            raise ValueError(f"answer word: expected one word without punctuation, found {word!r}")
    words: set[str] = set()
    for text in texts:
        words.update(piece for piece, _ in splitter.pre_tokenize_str(normaliser.normalize_str(text)))
    answers = [word.lower() for word in answer_words]
    ordered = [*special, *answers, *sorted(words - set(answers))]
    tokenizer = Tokenizer(models.WordLevel({token: index for index, token in enumerate(ordered)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normaliser
    tokenizer.pre_tokenizer = splitter
    return tokenizer


def token_id(tokenizer: TextTokenizer, token: str) -> int:
    """Id of a token that must exist. Raises ValueError."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(
            f"tokenizer: expected the token {token!r}, found none; export the bundle again with its own tokenizer"
        )
    return found


def text_ids(tokenizer: TextTokenizer, text: str) -> list[int]:
    """Ids of a text as text: no special tokens are added, and what spells one is taken apart like any other word."""
    tokenizer.encode_special_tokens = True
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def padded_instruction_ids(tokenizer: TextTokenizer, instruction: str, length: int) -> np.ndarray:
    """The perception graph's `instruction_ids`, int64 (length,), right-padded with <pad>.

    Raises ValueError if it is too long.
    """
    ids = text_ids(tokenizer, instruction)
    if len(ids) > length:
        raise ValueError(f"instruction: expected at most {length} tokens, found {len(ids)}; shorten it")
    padded = np.full(length, token_id(tokenizer, PAD), dtype=np.int64)
    padded[: len(ids)] = ids
    return padded
