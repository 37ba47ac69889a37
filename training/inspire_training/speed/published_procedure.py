"""The procedure of the published code, as a program: N questions cost N + 1 passes over images and text, and nothing is
kept from one to the next. Within a pass, words and codes are generated greedily with a cache, as there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from inspire_policy.codecs.base import leads_from_rows
from inspire_policy.programs.base import Answer, Job, Tick
from inspire_training.policy_torch import TorchPolicy


class PublishedProcedure(TorchPolicy):
    """A checkpoint that answers and acts in the published way. Drafts are no use to it, forced answers refused."""

    @property
    def codes(self) -> int:
        """Action codes of a chunk at most; 0 with a continuous codec."""
        return self._codec.codes

    @property
    def answer_number(self) -> Mapping[str, int]:
        """Answer -> its place among an answer's probabilities."""
        return self._answers.number

    def tick(self, job: Job) -> Tick:
        """Look, answer and act once; see Program. Raises ValueError where an answer is forced."""
        if job.forced:
            raise ValueError("published procedure: expected no forced answers, found some")
        begin = time.monotonic()
        images, felt = job.observation.images, job.observation.proprioception
        instruction = job.instruction
        ids = self._prefix_ids(instruction, felt)
        both_ways = len(ids) if self._style.prefix_attention == "bidirectional" else 0
        asked = job.objects if self._manifest.questions else ()
        answers: list[Answer] = []
        looked = passes = 0
        watched = 0.0

        def whole_pass() -> tuple[np.ndarray, np.ndarray]:
            nonlocal looked, watched, passes
            began = time.monotonic()
            seen = self._perceive(images, felt, instruction)
            looked, watched = looked + 1, watched + time.monotonic() - began
            passes += self._decoder.passes
            self._decoder.begin()
            return self._decoder.feed(ids, seen, first=self._style.perception_start, bidirectional=both_ways)

        for name in asked:
            ids = np.concatenate([ids, self._style.question_ids(name)])
            logits, _ = whole_pass()
            said = self._finished((self._best((), logits[-1]),))
            answers.append(self._answer(name, self._answers.text(said), logits[-1], {}))
            ids = np.array([*ids, *said, *self._answer_end], dtype=np.int64)
        ids = np.concatenate([ids, self._style.action_ids(instruction, self._codec.queries)])
        logits, hidden = whole_pass()
        rows = self._codec.decode(self._head(hidden) if self._codec.queries else self._generate(logits[-1]))
        total = time.monotonic() - begin
        return Tick(
            answers=tuple(answers),
            leads=leads_from_rows(rows, self._manifest.contract),
            rows=rows,
            vision_passes=looked,
            decoder_passes=passes + self._decoder.passes,
            timings={"perception": watched, "decoder": total - watched, "total": total},
        )
