"""`inspire bench`: a tick of the shipped program beside its peers, taking turns in one run on one CPU thread.

Peers, all with the same weights and observations: the published procedure in eager PyTorch (images and text encoded
anew for each question and for the action, no cache kept between them), the runtime's own program over eager PyTorch,
and the runtime with ONNX Runtime, without and with the last answers as a draft. All must give the same words. Ratios
are of medians within the run; on a busy machine the times themselves say little.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from inspire_policy.bundle import find_bundle, load_bundle, read_manifest
from inspire_policy.engines.protocol import make_engine
from inspire_policy.parity import PARITY_FILE, ParitySample, read_parity
from inspire_policy.programs.base import Program, graph_files, make_program
from inspire_policy.proprioception import proprioception_vector
from inspire_training.checkpoint import load_checkpoint
from inspire_training.evaluation.folder import write_file
from inspire_training.expert.bench import expert_bench
from inspire_training.policy_torch import TorchPolicy
from inspire_training.settings import BenchSettings

PUBLISHED = "published procedure, eager PyTorch"
Words = tuple[str, ...]


class PublishedProcedure(TorchPolicy):
    """N questions cost N + 1 full passes over images and text, as the published code has it."""

    def words(self, sample: ParitySample) -> Words:
        """One tick: the answers, each by a pass of its own, then the chunk."""
        felt = proprioception_vector(sample.position, sample.quaternion, sample.opening)
        ids = self._style.prefix_ids(sample.instruction, felt)
        both_ways = len(ids) if self._style.prefix_attention == "bidirectional" else 0
        words: list[str] = []
        for name in sample.objects:
            ids = np.concatenate([ids, self._style.question_ids(name)])
            said: tuple[int, ...] = ()
            while len(self._answers.may_follow(said)):
                logits, _ = self._pass(sample, felt, np.array([*ids, *said], dtype=np.int64), both_ways)
                said = (*said, self._answers.best(said, logits[-1]))
            words.append(self._answers.text(said))
            ids = np.array([*ids, *said, *self._answer_end], dtype=np.int64)
        ids = np.concatenate([ids, self._style.action_ids(sample.instruction, self._codec.queries)])
        logits, hidden = self._pass(sample, felt, ids, both_ways)
        self._codec.decode(self._head(hidden) if self._codec.queries else self._generate(logits[-1]))
        return tuple(words)

    def _pass(
        self, sample: ParitySample, felt: np.ndarray, ids: np.ndarray, both_ways: int
    ) -> tuple[np.ndarray, np.ndarray]:
        seen = self._perceive(sample.images, felt, sample.instruction)
        self._decoder.begin()
        return self._decoder.feed(ids, seen, first=self._style.perception_start, bidirectional=both_ways)


def peers(settings: BenchSettings) -> tuple[dict[str, Callable[[ParitySample], Words]], Sequence[ParitySample]]:
    """Name -> one tick, and the observations. Raises BundleError, EngineError, FileNotFoundError, ValueError."""
    bundle = load_bundle(find_bundle(settings.bundle))
    if PARITY_FILE not in bundle.manifest.files:
        raise ValueError(f"bundle: expected recorded observations in {PARITY_FILE}, found none; export it again")
    checkpoint = load_checkpoint(settings.checkpoint)
    checkpoint.model.float()
    engine = make_engine(settings.engine, graph_files(bundle), threads=1)
    program, eager = make_program(bundle, engine), TorchPolicy(checkpoint)
    ticks = {
        PUBLISHED: PublishedProcedure(checkpoint).words,
        "this program, eager PyTorch": lambda sample: _words(eager, sample, draft=False),
        f"this program, {engine.name}": lambda sample: _words(program, sample, draft=False),
        f"this program, {engine.name}, draft accepted": lambda sample: _words(program, sample, draft=True),
    }
    return ticks, read_parity(str(bundle.file(PARITY_FILE)))


def bench(settings: BenchSettings) -> dict[str, Any]:
    """Time all peers in turns, print the table, write `out` when given, return its content.

    A bundle with an action expert is timed beside the shipped one; see `inspire_training.expert.bench`.
    """
    if read_manifest(find_bundle(settings.bundle)).program.kind == "expert":
        return expert_bench(settings)
    torch.set_num_threads(1)
    ticks, samples = peers(settings)
    seconds: dict[str, list[float]] = {name: [] for name in ticks}
    for turn in range(settings.rounds + 1):
        for sample in samples:
            for name, tick in ticks.items():
                begin = time.perf_counter()
                words = tick(sample)
                taken = time.perf_counter() - begin
                if words != sample.words:
                    raise ValueError(
                        f"{name}: expected the answers {sample.words}, found {words}; export the bundle again"
                    )
                if turn:  # the first one warms up
                    seconds[name].append(taken)
    slowest = float(np.median(seconds[PUBLISHED])) * 1e3
    rows = {}
    for name, times in seconds.items():
        p50, p95, p99 = np.percentile(np.array(times) * 1e3, [50, 95, 99]).round(2).tolist()
        rows[name] = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "times_faster": round(slowest / p50, 2)}
    content = {
        "bundle": settings.bundle, "engine": settings.engine, "ticks": len(next(iter(seconds.values()))),
        "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "peers": rows,
    }  # fmt: skip
    print(table(content))
    if settings.out is not None:
        write_file(settings.out, json.dumps(content, indent=1) + "\n")
    return content


def table(content: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'tick, ms':<44}{'p50':>8}{'p95':>8}{'p99':>8}{'times faster':>14}"]
    for name, row in content["peers"].items():
        lines.append(f"{name:<44}{row['p50_ms']:>8}{row['p95_ms']:>8}{row['p99_ms']:>8}{row['times_faster']:>14}")
    lines.append(f"{content['ticks']} ticks each; load average {content['load']} on {content['cpus']} CPUs")
    return "\n".join(lines)


def _words(program: Program, sample: ParitySample, *, draft: bool) -> Words:
    tick = program.tick(
        sample.images,
        sample.position,
        sample.quaternion,
        sample.opening,
        sample.instruction,
        sample.objects,
        draft=dict(zip(sample.objects, sample.words)) if draft else None,
    )
    return tuple(answer.word for answer in tick.answers)
