"""`inspire train --stage grounding`: the loop of stage 1, for a small policy and for a vision-language model alike.

A step is a function of weights, optimiser state, seed and step number, so `--resume` continues exactly. Time counts
over all resumptions.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from inspire_training.grounding.answering import Responder
from inspire_training.grounding.examples import Mixture, parse_mixture
from inspire_training.grounding.metrics import baseline_of, score
from inspire_training.grounding.settings import GroundingTrainSettings
from inspire_training.grounding.sources import open_sources, source_weights
from inspire_training.progress import Progress
from inspire_training.scale.mixed import autocast


class Learner(Protocol):
    """What is trained."""

    network: nn.Module

    @property
    def progress(self) -> tuple[int, float]: ...

    def loss(self, *seed: int) -> Tensor: ...

    def after_step(self, step: int) -> None: ...

    def responder(self) -> Responder: ...

    def save(self, step: int, seconds: float, facts: dict[str, Any], optimizer: torch.optim.Optimizer) -> Path: ...

    def load(self, optimizer: torch.optim.Optimizer) -> None: ...


def train_grounding(settings: GroundingTrainSettings) -> Path:
    """Train as told and return the last checkpoint's folder."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    ratios = parse_mixture(settings.mixture)
    sources = open_sources(settings, ("agentview",))
    mixture = Mixture(sources, source_weights(settings), ratios)
    learner: Learner
    if settings.preset == "qwen2.5-vl":
        from inspire_training.grounding.chat_learner import ChatLearner

        learner = ChatLearner(settings, mixture)
    else:
        from inspire_training.grounding.policy_learner import PolicyLearner

        learner = PolicyLearner(settings, sources, mixture)
    return GroundingRun(settings, mixture, learner).loop()


class GroundingRun:
    """The state of one run."""

    def __init__(self, settings: GroundingTrainSettings, mixture: Mixture, learner: Learner) -> None:
        self._settings, self._mixture, self._learner = settings, mixture, learner
        self._step, self._seconds = learner.progress
        trained = [p for p in learner.network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": settings.decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.95))
        if settings.resume:
            learner.load(self._optimizer)
        self._board = SummaryWriter(str(settings.out / "curves"), purge_step=self._step or None)
        self._baseline = baseline_of(mixture)
        self._device = next(learner.network.parameters()).device

    def loop(self) -> Path:
        """Steps until the end; validates and saves every `checkpoint_seconds` and at the end."""
        progress = Progress(self._settings.log_seconds)
        saved = last = time.monotonic()
        size = sum(p.numel() for p in self._learner.network.parameters()) / 1e6
        print(f"stage 1, tasks {', '.join(self._mixture.tasks)}, {size:.2f} M parameters", flush=True)
        while (fraction := self._fraction()) < 1.0:
            loss = self._train_step(fraction)
            now = time.monotonic()
            self._seconds, last = self._seconds + now - last, now
            progress.update(self._settings.batch, {"loss": loss})
            if progress.due:
                line, means = progress.line(self._step, self._fraction(), self._seconds)
                print(line, flush=True)
                self._plot("train", means)
            if now - saved >= self._settings.checkpoint_seconds and self._fraction() < 1.0:
                self._validate_and_save()
                saved = last = time.monotonic()
        folder = self._validate_and_save()
        self._board.close()
        return folder

    def _fraction(self) -> float:
        s = self._settings
        by_time = self._seconds / (60 * s.minutes) if s.minutes > 0 else 0.0
        return min(1.0, max(self._step / s.steps, by_time))

    def _train_step(self, fraction: float) -> float:
        s = self._settings
        scale = min(1.0, (self._step + 1) / s.warmup) if s.warmup else 1.0
        if s.schedule == "cosine":
            scale *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fraction))
        for group in self._optimizer.param_groups:
            group["lr"] = s.rate * scale
        self._learner.network.train()
        with autocast(self._device, s.precision):
            loss = self._learner.loss(s.seed, self._step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learner.network.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._step += 1
        self._learner.after_step(self._step)
        return loss.item()

    def validate(self) -> dict[str, dict[str, float]]:
        """Numbers by task on held-out training episodes; without a task that has none."""
        self._learner.network.eval()
        responder = self._learner.responder()
        numbers: dict[str, dict[str, float]] = {}
        for task in self._mixture.tasks:
            examples = self._mixture.validation(task, self._settings.validation_examples)
            if examples:
                replies = [r for part in _parts(examples, self._settings.batch) for r in responder.reply(part)]
                numbers[task] = score(examples, replies)
        return numbers

    def _validate_and_save(self) -> Path:
        numbers = self.validate()
        for task, found in numbers.items():
            print(f"held out, {task}: " + ", ".join(f"{n} {v:.4g}" for n, v in found.items()), flush=True)
            self._plot(f"validation/{task}", found)
        facts = {
            "stage": "grounding",
            "grounding": {"tasks": list(self._mixture.tasks)},
            "step": self._step,
            "seconds": round(self._seconds),
            "seed": self._settings.seed,
            "mixture": self._settings.mixture,
            "files": [path.name for path in self._settings.data],
            "held_out": numbers,
            "baseline": self._baseline.table,
        }
        return self._learner.save(self._step, self._seconds, facts, self._optimizer)

    def _plot(self, prefix: str, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._board.add_scalar(f"{prefix}/{name}", value, self._step)


def _parts(examples: list[Any], size: int) -> list[list[Any]]:
    return [examples[start : start + size] for start in range(0, len(examples), size)]
