"""The tokenizer of a published checkpoint: its language model's own, with the extra tokens behind."""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from inspire_policy.sequences.minivla import END, END_OF_TEXT, START, extra_token
from inspire_policy.tokens import token_id

EXTRA = 256
BASE = "Qwen/Qwen2.5-0.5B"


def read_tokenizer(path: Path, rows: int) -> Tokenizer:
    """A tokenizer.json with its extra tokens; those that it lacks are added behind the others.

    Args:
        path: the file. rows: of the language model's embedding table.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it lacks the special tokens of chat turns, or has more tokens than rows.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"tokenizer: expected {path}, found none; give the tokenizer.json of {BASE} with --tokenizer"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise ValueError(f"tokenizer: expected a tokenizer in {path}, found: {error}; download it again") from error
    missing = [token for token in (START, END, END_OF_TEXT) if tokenizer.token_to_id(token) is None]
    if missing:
        raise ValueError(f"tokenizer: expected the tokens of chat turns in {path}, found no {', '.join(missing)}")
    with_extra_tokens(tokenizer)
    if tokenizer.get_vocab_size() > rows:
        raise ValueError(
            f"tokenizer: expected at most {rows} tokens, the model's embedding rows, found "
            f"{tokenizer.get_vocab_size()} in {path}; take the tokenizer of the checkpoint's own language model"
        )
    return tokenizer


def with_extra_tokens(tokenizer: Tokenizer, count: int = EXTRA) -> Tokenizer:
    """The same tokenizer with `count` extra tokens behind the others, if it lacks them.

    Raises ValueError when others stand between them.
    """
    tokenizer.add_special_tokens([AddedToken(extra_token(i), special=True, normalized=False) for i in range(count)])
    ids = [token_id(tokenizer, extra_token(i)) for i in range(count)]
    if ids != list(range(ids[0], ids[0] + count)):
        raise ValueError(f"tokenizer: expected {count} extra tokens one behind the other, found others between them")
    return tokenizer
