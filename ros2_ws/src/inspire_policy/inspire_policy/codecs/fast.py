"""FAST (arXiv 2501.09747): a chunk's values through a cosine transform along time, rounded, and byte-pair encoded.

The codes are those of the published tokenizer: coefficient k, times `scale` and rounded, is the character
`k - min_token`; the characters of all coefficients, step by step through frequency, are the text that a byte-level BPE
tokenizer cuts into codes. codec.npz holds `tokenizer` (the bytes of its tokenizer.json), `scale` and `min_token`, and
may hold `budget`, the most codes that a chunk may take; without it none takes more than two per number.

The number of codes differs from chunk to chunk. Which codes may follow is decided by what is still missing: their bytes
must be whole characters, as many as the chunk has numbers, within the budget, so every sequence that is generated
decodes, and no tick feeds more than the budget.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from inspire_policy.action import LEAD_SIZE
from inspire_policy.codecs.base import checked_rows
from inspire_policy.codecs.values import Values

NEVER = 1_000_000  # codes
FAST_FILES = ("tokenizer.json", "processor_config.json")


class FastCodec:
    """Codes of a chunk by a FAST tokenizer."""

    kind = "fast"
    queries = 0

    def __init__(self, chunk_length: int, arrays: Mapping[str, np.ndarray]) -> None:
        missing = [name for name in ("tokenizer", "scale", "min_token") if name not in arrays]
        if missing:
            raise ValueError(
                f"FAST: expected tokenizer, scale and min_token in codec.npz, missing {', '.join(missing)}; export the "
                "bundle again"
            )
        self.chunk_length = chunk_length
        self._tokenizer = Tokenizer.from_str(np.asarray(arrays["tokenizer"], dtype=np.uint8).tobytes().decode())
        self._scale, self._smallest = float(arrays["scale"]), int(arrays["min_token"])
        self._values = Values(arrays)
        self._numbers = chunk_length * LEAD_SIZE
        self.code_values = self._tokenizer.get_vocab_size()
        self._pieces = _pieces(self._tokenizer)
        self._valid = np.array([piece.valid for piece in self._pieces])
        self._characters = np.array([piece.characters for piece in self._pieces])
        self._continues = np.array([piece.continues for piece in self._pieces])
        self._leaves_open = np.array([piece.leaves_open for piece in self._pieces])
        self._needed = self._fewest_codes()
        worst = 2 * self._numbers  # a character takes two codes at worst
        self.codes = min(worst, int(arrays["budget"])) if "budget" in arrays else worst
        if self._needed[self._numbers, 0] > self.codes:
            raise ValueError(
                f"FAST: expected a vocabulary that can say {self._numbers} numbers in {self.codes} codes, found one "
                "that cannot; fit it again"
            )
        self._wave = cosine_transform(chunk_length)

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Codes int64 (n,) of rows (chunk_length, 7). Raises ValueError on coefficients that it has no code for."""
        values = self._values.from_rows(checked_rows(rows, self.chunk_length))
        text = coefficients_text(self._wave @ values, self._scale, self._smallest)
        codes = self._tokenizer.encode(text, add_special_tokens=False).ids
        if sum(self._pieces[code].characters for code in codes) != self._numbers:
            raise ValueError(
                "FAST: expected coefficients like those it was fitted to, found some without a code; fit it to data "
                "with such actions"
            )
        if len(codes) > self.codes:
            raise ValueError(
                f"FAST: expected at most {self.codes} codes, its budget, found {len(codes)}; fit it to data with such "
                "actions"
            )
        return np.array(codes, dtype=np.int64)

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """Rows float32 (chunk_length, 7) of codes int64 (n,), clipped. Raises ValueError on codes that are no chunk."""
        codes = np.asarray(predicted)
        if codes.ndim != 1 or (codes.size and (codes.min() < 0 or codes.max() >= self.code_values)):
            raise ValueError(f"codes: expected a row of values 0..{self.code_values - 1}, found {codes}")
        try:
            text = b"".join(self._pieces[code].content for code in codes.tolist()).decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"codes: expected whole characters, found {error}") from error
        if len(text) != self._numbers:
            raise ValueError(f"codes: expected {self._numbers} coefficients, found {len(text)}")
        coefficients = np.array([ord(letter) for letter in text], dtype=np.float64) + self._smallest
        values = self._wave.T @ (coefficients.reshape(self.chunk_length, LEAD_SIZE) / self._scale)
        return checked_rows(self._values.to_rows(values), self.chunk_length).astype(np.float32)

    def may_follow(self, codes: Sequence[int]) -> np.ndarray:
        """The codes that keep the text a chunk in the making, int64; none when it is complete."""
        said = np.asarray(codes, dtype=np.int64)
        left = self._numbers - int(self._characters[said].sum())
        open_character = bool(len(said)) and bool(self._leaves_open[said[-1]])
        if left == 0 and not open_character:
            return np.zeros(0, dtype=np.int64)
        fits = self._valid & (self._continues == open_character) & (self._characters <= left)
        behind = self._needed[np.maximum(left - self._characters, 0), self._leaves_open.astype(np.int64)]
        return np.flatnonzero(fits & (behind < self.codes - len(said)))

    def _fewest_codes(self) -> np.ndarray:
        """The fewest codes (numbers + 1, 2) that say exactly so many more characters, without and with one cut before
        them; NEVER where none do.
        """
        needed = np.full((self._numbers + 1, 2), NEVER)
        needed[0, 0] = 0
        kinds = {  # what a code does, whatever its bytes
            (int(self._characters[i]), int(self._continues[i]), int(self._leaves_open[i]))
            for i in np.flatnonzero(self._valid)
        }
        for left in range(self._numbers + 1):
            # What only ends the cut character comes last: as many characters are left behind it as before.
            for count, continues, leaves_open in sorted(kinds, reverse=True):
                if count <= left:
                    found = 1 + needed[left - count, leaves_open]
                    needed[left, continues] = min(needed[left, continues], found)
        return needed


@dataclass(frozen=True)
class _Piece:
    """The bytes of one code: how many characters begin in them, and whether one is cut at either end."""

    content: bytes
    valid: bool
    characters: int
    continues: bool
    leaves_open: bool


def _pieces(tokenizer: Tokenizer) -> list[_Piece]:
    """The bytes of every code. Characters take one or two bytes: coefficients from min_token up to 2047 above it."""
    letters = {letter: byte for byte, letter in _byte_letters().items()}
    vocabulary = {index: token for token, index in tokenizer.get_vocab().items()}
    pieces = []
    for index in range(tokenizer.get_vocab_size()):
        token = vocabulary.get(index, "")
        known = bool(token) and all(letter in letters for letter in token)
        content = bytes(letters[letter] for letter in token) if known else b""
        continues = known and 0x80 <= content[0] < 0xC0
        body = content[1:] if continues else content
        leaves_open = bool(body) and 0xC2 <= body[-1] < 0xE0
        try:
            characters = len((body[:-1] if leaves_open else body).decode())
            valid = known and all(byte < 0xE0 for byte in body)
        except UnicodeDecodeError:
            characters, valid = 0, False
        pieces.append(_Piece(content, valid, characters + leaves_open, continues, leaves_open))
    return pieces


def _byte_letters() -> dict[int, str]:
    """The letter that byte-level BPE writes for each byte: printable ones as they are, the others from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    assert set(letters.values()) == set(ByteLevel.alphabet())
    return letters


def cosine_transform(length: int) -> np.ndarray:
    """The orthonormal type-II cosine transform, (length, length): coefficients = matrix @ signal."""
    n = np.arange(length)
    matrix = np.cos(np.pi * (n[None, :] + 0.5) * n[:, None] / length) * np.sqrt(2.0 / length)
    matrix[0] /= np.sqrt(2.0)
    return matrix


def coefficients_text(coefficients: np.ndarray, scale: float, smallest: int) -> str:
    """The text of coefficients (T, 7)."""
    whole = np.around(coefficients * scale).astype(np.int64).reshape(-1)
    return "".join(chr(number) for number in np.maximum(whole - smallest, 0).tolist())


def read_fast(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of codec.npz of a tokenizer in the published format: tokenizer.json and processor_config.json.

    Raises FileNotFoundError or ValueError.
    """
    for name in FAST_FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"FAST: expected {' and '.join(FAST_FILES)} in {folder}, found no {name}; download the whole folder"
            )
    content = (folder / FAST_FILES[0]).read_bytes()
    settings = json.loads((folder / FAST_FILES[1]).read_text())
    try:
        Tokenizer.from_str(content.decode())
        return fast_arrays(content, scale=float(settings["scale"]), smallest=int(settings["min_token"]))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise ValueError(
            f"FAST: expected a tokenizer with scale and min_token in {folder}, found: {error!r}"
        ) from error


def fast_arrays(tokenizer_json: bytes, *, scale: float, smallest: int) -> dict[str, np.ndarray]:
    """The arrays of codec.npz."""
    content = np.frombuffer(tokenizer_json, dtype=np.uint8)
    return {"tokenizer": content, "scale": np.array(scale), "min_token": np.array(smallest)}
