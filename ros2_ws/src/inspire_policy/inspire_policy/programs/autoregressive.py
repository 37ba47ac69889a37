"""The autoregressive program: look once, answer each question, act; one perception pass per tick for any number of
questions.

Questions and templates are fed, never generated. Without a draft they are fed up to the answer that is not known yet:
K questions and the continuous codec take K + 1 decoder passes, action codes one pass each. With a draft, the answers
of the tick before, everything is fed at once and then verified (speculative decoding, arXiv 2211.17192, with greedy
choices): where the model answers otherwise, the rows behind are forgotten and fed again with its own answer. The words
are so the same with any draft, and one decoder pass is enough as long as no answer changes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from inspire_policy.bundle import Bundle
from inspire_policy.codecs.base import leads_from_rows
from inspire_policy.engines.protocol import Engine
from inspire_policy.programs.base import Answer, Job, Tick
from inspire_policy.programs.cache import CachedDecoder
from inspire_policy.question_modes import answer_axis
from inspire_policy.tokens import padded_instruction_ids


class AutoregressiveProgram:
    """Runs a bundle of kind "autoregressive" on an engine."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        manifest = bundle.manifest
        self._manifest = manifest
        self._style = bundle.style
        self._codec = bundle.codec
        self._tokenizer = bundle.tokenizer
        self._engine = engine
        self._decoder = CachedDecoder(
            engine,
            manifest.decoder,
            manifest.perception.width,
            layers=manifest.expert.layers if manifest.expert is not None else 0,
        )
        self._words = manifest.words.vocabulary
        self._answers = bundle.answers
        self._first_columns = manifest.decoder.columns(bundle.answers.may_follow(()))
        self._code_ids = bundle.style.code_ids(bundle.codec.code_values)
        self._code_columns = manifest.decoder.columns(self._code_ids)
        self._answer_end = bundle.style.answer_end_ids()

    def check(self, instruction: str, objects: tuple[str, ...]) -> None:
        """Raises ValueError when the instruction or the whole sequence is longer than the graphs allow."""
        if self._manifest.perception.text_length:
            padded_instruction_ids(self._tokenizer, instruction, self._manifest.perception.text_length)
        rows = (
            len(self._prefix_ids(instruction))
            + len(self._style.action_ids(instruction, self._codec.queries))
            + self._codec.codes
        )
        answered = self._answers.longest + len(self._answer_end)
        rows += sum(len(self._style.question_ids(name)) + answered for name in objects)
        if rows > self._manifest.decoder.cache_length:
            raise ValueError(
                f"instruction: expected at most {self._manifest.decoder.cache_length} tokens with its questions, found "
                f"{rows}; shorten it"
            )

    def tick(self, job: Job) -> Tick:
        """See Program."""
        start = time.monotonic()
        felt, instruction = job.observation.proprioception, job.instruction
        embeddings = self._perceive(job.observation.images, felt, instruction)
        seen = time.monotonic()
        self._decoder.begin()
        asked = job.objects if self._manifest.questions else ()
        prefix, action = (
            self._prefix_ids(instruction, felt),
            self._style.action_ids(instruction, self._codec.queries),
        )
        answers, logits, hidden = self._ask(embeddings, prefix, asked, action, job.draft, job.forced)
        rows = self._codec.decode(self._head(hidden) if self._codec.queries else self._generate(logits[-1]))
        end = time.monotonic()
        return Tick(
            answers=answers,
            leads=leads_from_rows(rows, self._manifest.contract),
            rows=rows,
            vision_passes=1,
            decoder_passes=self._decoder.passes,
            timings={"perception": seen - start, "decoder": end - seen, "total": end - start},
        )

    def set_pace(self, language_every: int) -> None:
        """Only every tick: nothing is kept between two. Raises ValueError."""
        if language_every != 1:
            raise ValueError(
                "language_every: expected 1 with a bundle without an action expert, as its language model itself makes "
                f"the chunk; found {language_every}"
            )

    def _prefix_ids(self, instruction: str, state: np.ndarray | None = None) -> np.ndarray:
        """Ids of the prefix, int64; see SequenceStyle."""
        return self._style.prefix_ids(instruction, state)

    def _ask(
        self,
        embeddings: np.ndarray,
        prefix: np.ndarray,
        asked: tuple[str, ...],
        action: np.ndarray,
        draft: Mapping[str, str],
        forced: Mapping[str, str],
    ) -> tuple[tuple[Answer, ...], np.ndarray, np.ndarray]:
        """All answers; logits (T, V) and hidden states (T, width) of the pass that ends with the action's rows."""
        # A draft may be that of another bundle, exchanged while it ran.
        expected = {**{name: word for name, word in draft.items() if word in self._answers.number}, **forced}
        for name, word in forced.items():
            if word not in self._answers.number:
                raise ValueError(f"answer for {name}: expected one of {self._answers.some()}, found {word!r}")
        pending: np.ndarray = prefix
        given: np.ndarray | None = embeddings
        both_ways = len(prefix) if self._style.prefix_attention == "bidirectional" else 0
        answers: list[Answer] = []
        while True:
            start = self._decoder.filled
            ids, places = self._until_unknown(pending, asked[len(answers) :], action, expected)
            logits, hidden = self._decoder.feed(ids, given, first=self._style.perception_start, bidirectional=both_ways)
            for name, row in places:
                told = self._answers.ids[self._answers.number[expected[name]]] if name in expected else ()
                said = self._confirmed(told, logits[row : row + max(1, len(told))], forced=name in forced)
                if said != told:
                    self._decoder.rewind(start + row + len(said))
                    said = self._finished(said)
                answers.append(self._answer(name, self._answers.text(said), logits[row], forced))
                if said != told:
                    expected.pop(name, None)
                    pending = np.concatenate([said[-1:], self._answer_end]).astype(np.int64)
                    break
            else:
                return tuple(answers), logits, hidden
            given, both_ways = None, 0

    def _confirmed(self, told: tuple[int, ...], logits: np.ndarray, *, forced: bool) -> tuple[int, ...]:
        """The ids of an answer that was fed, if it is forced or the model's own; else up to the first other one.

        logits: (n, V) that predict each id; one row where nothing was fed.
        """
        if forced:
            return told
        for place in range(len(logits)):
            best = self._best(told[:place], logits[place])
            if told[place : place + 1] != (best,):
                return (*told[:place], best)
        return told

    def _finished(self, said: tuple[int, ...]) -> tuple[int, ...]:
        """A whole answer from its first ids. All but the last of these are fed before, all but its last afterwards."""
        while len(self._answers.may_follow(said)):
            logits, _ = self._decoder.feed(np.array(said[-1:], dtype=np.int64))
            said = (*said, self._best(said, logits[-1]))
        return said

    def _best(self, said: tuple[int, ...], logits: np.ndarray) -> int:
        """The id that logits (V,) prefer behind an unfinished answer."""
        allowed = self._answers.may_follow(said)
        return int(allowed[int(np.argmax(logits[self._manifest.decoder.columns(allowed)]))])

    def _until_unknown(
        self, pending: np.ndarray, asked: tuple[str, ...], action: np.ndarray, expected: Mapping[str, str]
    ) -> tuple[np.ndarray, list[tuple[str, int]]]:
        """Ids to feed at once, from `pending` to the first answer that is not expected, else to the action's last row;
        and per question fed its object and the row whose logits answer it.
        """
        parts, places, rows = [pending], [], len(pending)
        for name in asked:
            question = self._style.question_ids(name)
            parts.append(question)
            rows += len(question)
            places.append((name, rows - 1))
            if name not in expected:
                return np.concatenate(parts), places
            ids = self._answers.ids[self._answers.number[expected[name]]]
            parts.append(np.concatenate([ids, self._answer_end]).astype(np.int64))
            rows += len(parts[-1])
        return np.concatenate([*parts, action]), places

    def _perceive(
        self,
        images: Mapping[str, np.ndarray],
        felt: np.ndarray,
        instruction: str,
    ) -> np.ndarray:
        """Embeddings, float32 (N, width), of images and the proprioception vector (10,)."""
        inputs: dict[str, np.ndarray] = {}
        for camera, geometry in self._manifest.cameras.items():
            if camera not in images:
                raise ValueError(
                    f"images: expected cameras {', '.join(self._manifest.cameras)}, found {', '.join(images) or 'none'}"
                )
            inputs[f"image_{camera}"] = geometry.apply(images[camera])[None]
        inputs["proprioception"] = felt[None]
        if length := self._manifest.perception.text_length:
            inputs["instruction_ids"] = padded_instruction_ids(self._tokenizer, instruction, length)[None]
        return self._engine.run("perception", inputs)["embeddings"][0]

    def _answer(self, name: str, text: str, logits: np.ndarray, forced: Mapping[str, str]) -> Answer:
        """An answer with the probabilities of the logits (V,) behind the question, where all answers are one token."""
        probabilities: tuple[float, ...] = ()
        if self._answers.one_token:
            kept = logits[self._first_columns].astype(np.float64)
            weights = np.exp(kept - kept.max())
            probabilities = tuple((weights / weights.sum()).tolist())
        axis = answer_axis(self._style.question_mode, text, self._words)
        return Answer(name, text, axis, probabilities, forced=name in forced)

    def _head(self, hidden: np.ndarray) -> np.ndarray:
        """The head's chunk (chunk_length, 7) of the query rows, the last ones of hidden (T, width)."""
        return self._engine.run("head", {"hidden": hidden[None, -self._codec.queries :]})["chunk"][0]

    def _generate(self, logits: np.ndarray) -> np.ndarray:
        """Action codes, int64, greedily; what is no code, or cannot follow by the codec's rules, is never chosen."""
        codes: list[int] = []
        while len(allowed := self._codec.may_follow(codes)):
            if codes:
                logits = self._decoder.feed(self._code_ids[codes[-1:]])[0][-1]
            codes.append(int(allowed[np.argmax(logits[self._code_columns[allowed]])]))
        return np.array(codes, dtype=np.int64)
