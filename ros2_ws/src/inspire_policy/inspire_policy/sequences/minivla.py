r"""Style "minivla", the chat turns of the published MiniVLA checkpoints:

    <|im_start|> [perception embeddings] system\nYou are Qwen, ... assistant.<|im_end|>\n
    per object: <|im_start|>user\n QUESTION <|im_end|>\n<|im_start|>assistant\n ANSWER <|im_end|>\n
    <|im_start|>user\nWhat action should the robot take to INSTRUCTION?<|im_end|>\n<|im_start|>assistant\n
    CODES <|im_end|><|endoftext|>

The instruction is in lower case. Code c is the extra token c places before the last one. All ids are looked up, so that
Qwen2.5's own tokenizer gives the published ones.
"""

from __future__ import annotations

import numpy as np

from inspire_policy.sequences.base import StyleBase, template_ids
from inspire_policy.tokens import text_ids, token_id

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SYSTEM = "system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."


def extra_token(index: int) -> str:
    """Name of an extra token."""
    return f"<|extra_{index}|>"


class MiniVLASequence(StyleBase):
    """The style "minivla" over a byte-level tokenizer with Qwen2.5's special tokens and the extra ones."""

    kind = "minivla"
    perception_start = 1
    trained_answer_end = 1  # <|im_end|>; the line break behind it is the template's

    def prefix_ids(self, instruction: str, state: np.ndarray | None = None) -> np.ndarray:
        """The system turn with N rows behind its first token; neither instruction nor state are in it."""
        first, *rest = template_ids(self.tokenizer, (START, SYSTEM, END, "\n"))
        image = [token_id(self.tokenizer, END_OF_TEXT)] * self.perception_tokens
        return np.array([first, *image, *rest], dtype=np.int64)

    def question_ids(self, object_name: str) -> np.ndarray:
        """A user's turn and the beginning of the assistant's, int64 (T,)."""
        return self._asked(self._question(object_name))

    def answer_id(self, word: str) -> int:
        """Id of an answer word without a space in front. Raises ValueError when it is not one token."""
        ids = text_ids(self.tokenizer, word)
        if len(ids) != 1:
            raise ValueError(
                f"answer word: expected one token, found {len(ids)} for {word!r}; take the words that the checkpoint "
                "was trained with"
            )
        return ids[0]

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """Ids of an answer without a space in front."""
        return tuple(text_ids(self.tokenizer, text))

    def answer_end_ids(self) -> np.ndarray:
        r"""<|im_end|>\n, int64."""
        return np.array(template_ids(self.tokenizer, (END, "\n")), dtype=np.int64)

    def action_ids(self, instruction: str, queries: int) -> np.ndarray:
        """The turn that asks for the action, int64 (T,). Raises ValueError for query tokens, which it has none of."""
        if queries:
            raise ValueError("sequence style minivla: expected an action codec with codes, found one with queries")
        return self._asked(f"What action should the robot take to {instruction.lower()}?")

    def code_ids(self, codes: int) -> np.ndarray:
        """Ids of the codes, the extra tokens from the last one backwards; int64 (codes,)."""
        extra = 0
        while self.tokenizer.token_to_id(extra_token(extra)) is not None:
            extra += 1
        if codes > extra:
            raise ValueError(
                f"tokenizer: expected at least {codes} extra tokens {extra_token(0)}, {extra_token(1)}, ..., found "
                f"{extra}; add them behind the other tokens"
            )
        return np.array([token_id(self.tokenizer, extra_token(extra - 1 - i)) for i in range(codes)], dtype=np.int64)

    def action_end_ids(self) -> np.ndarray:
        """<|im_end|><|endoftext|>, int64."""
        return np.array(template_ids(self.tokenizer, (END, END_OF_TEXT)), dtype=np.int64)

    def _asked(self, text: str) -> np.ndarray:
        parts = (START, f"user\n{text}", END, "\n", START, "assistant\n")
        return np.array(template_ids(self.tokenizer, parts), dtype=np.int64)
