"""What an instruction names: the objects that the policy is asked about, and the checks before it is followed.

A known phrase wins over anything shorter at the same place. What is not known is read as a noun phrase: the words
after a determiner, a handling verb or a preposition up to the next word that cannot belong to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MAX_CHARACTERS = 256

_DETERMINERS = frozenset(
    ["the", "a", "an", "this", "that", "these", "those", "my", "your", "our", "its", "their", "some", "any", "another"]
)
_VERBS = frozenset(
    [
        "pick",
        "place",
        "put",
        "grab",
        "grasp",
        "take",
        "lift",
        "move",
        "open",
        "close",
        "turn",
        "push",
        "pull",
        "drop",
        "set",
        "bring",
        "get",
        "stack",
        "hold",
        "carry",
        "fetch",
        "leave",
        "lay",
        "deposit",
        "release",
        "throw",
        "transfer",
        "drag",
        "slide",
        "insert",
        "find",
        "reach",
        "collect",
    ]
)
_PREPOSITIONS = frozenset(
    [
        "in",
        "into",
        "on",
        "onto",
        "to",
        "from",
        "at",
        "of",
        "over",
        "under",
        "above",
        "below",
        "inside",
        "near",
        "beside",
        "behind",
        "between",
        "by",
        "with",
        "off",
        "toward",
        "towards",
        "next",
    ]
)
_OTHERS = frozenset(
    [
        "and",
        "then",
        "or",
        "it",
        "them",
        "they",
        "there",
        "here",
        "please",
        "so",
        "that",
        "while",
        "after",
        "before",
        "which",
        "is",
        "are",
        "be",
        "up",
        "down",
        "out",
        "away",
        "back",
        "again",
        "now",
        "both",
    ]
)
_PLACES = frozenset(
    [
        "top",
        "bottom",
        "left",
        "right",
        "front",
        "back",
        "middle",
        "center",
        "centre",
        "side",
        "end",
        "edge",
        "corner",
        "rear",
        "inside",
    ]
)
_STOPS = _DETERMINERS | _VERBS | _PREPOSITIONS | _OTHERS
_WORD = re.compile(r"[^\W_]+(?:['\-_][^\W_]+)*|[^\w\s]")


def objects_named(instruction: str, known: Iterable[str]) -> tuple[str, ...]:
    """The objects that an instruction names, in order of mention, each once, in lower case.

    Args:
        instruction: any text.
        known: phrases of the bundle or world, e.g. "milk", "tomato sauce", "bin".

    Returns:
        Known phrases as given in `known` (lower case), unknown objects by their noun phrase without determiner:
        "pick up the purple dinosaur and place it in the bin" names "purple dinosaur" and "bin".
    """
    words = _WORD.findall(instruction.lower())
    phrases = sorted(
        {tuple(_WORD.findall(name.lower())): name.lower() for name in known}.items(), key=lambda item: -len(item[0])
    )
    found: list[str] = []
    i = 0
    may_start = False
    while i < len(words):
        phrase = _known_at(words, i, phrases)
        if phrase is not None:
            found.append(phrase[1])
            i += len(phrase[0])
            may_start = False
            continue
        word = words[i]
        if word in _STOPS or not word[0].isalnum():
            may_start = (
                word in _DETERMINERS
                or word in _VERBS
                or word in _PREPOSITIONS
                or (may_start and word in ("up", "down", "out"))
            )
            i += 1
            continue
        if not may_start:
            i += 1
            continue
        end = i
        while (
            end < len(words)
            and words[end] not in _STOPS
            and words[end][0].isalnum()
            and _known_at(words, end, phrases) is None
        ):
            end += 1
        runs_into_known = end < len(words) and _known_at(words, end, phrases) is not None
        if not runs_into_known and not all(w in _PLACES for w in words[i:end]):
            found.append(" ".join(words[i:end]))
        i = end
        may_start = False
    return tuple(dict.fromkeys(found))


def _known_at(
    words: Sequence[str], i: int, phrases: Sequence[tuple[tuple[str, ...], str]]
) -> tuple[tuple[str, ...], str] | None:
    """The longest known phrase that starts at word i; `phrases` is sorted by falling length."""
    for phrase in phrases:
        if phrase[0] and tuple(words[i : i + len(phrase[0])]) == phrase[0]:
            return phrase
    return None


def checked_instruction(instruction: str, max_characters: int = MAX_CHARACTERS) -> str:
    """The instruction with white space collapsed. Raises ValueError when it is empty or too long."""
    text = " ".join(instruction.split())
    if not text:
        raise ValueError(
            'instruction: expected text such as "pick up the milk and place it in the bin", found an empty one'
        )
    if len(instruction) > max_characters:
        raise ValueError(
            f"instruction: expected at most {max_characters} characters, found {len(instruction)}; shorten it"
        )
    return text


def checked_objects(objects: Sequence[str], known: Sequence[str], max_questions: int) -> tuple[str, ...]:
    """The objects of an instruction, if a bundle can be asked about them.

    Raises ValueError when there are none, too many or unknown ones.
    """
    names = ", ".join(known)
    if not objects:
        raise ValueError(f"instruction: expected it to name an object, found none; known objects: {names}")
    unknown = [name for name in objects if name not in set(known)]
    if unknown:
        raise ValueError(
            f"instruction: expected objects among {names}; found {', '.join(map(repr, unknown))}; name a known object"
        )
    if len(objects) > max_questions:
        raise ValueError(
            f"instruction: expected at most {max_questions} objects, found {len(objects)}: {', '.join(objects)}; name "
            "fewer"
        )
    return tuple(objects)
