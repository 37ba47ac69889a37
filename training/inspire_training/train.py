"""The training loop, for every preset, codec and kind of question, on one device or many.

A step is a pure function of weights, optimiser state, seed and step number, so `--resume` continues exactly; its frames
are those of parts 0, 1, ... of the step, whichever process takes a part and whether at once or one behind the other.
Time counts over all resumptions, and the averaged weights are what is validated, saved and later exported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.utils.tensorboard import SummaryWriter

from inspire_policy.action import ActionContract
from inspire_training.batch import TrainingBatch
from inspire_training.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, save_checkpoint
from inspire_training.data.augmentation import Augmentation
from inspire_training.data.sampler import FrameSampler
from inspire_training.data.shards import OpenShards, open_shards
from inspire_training.expert.cotraining import Cotraining
from inspire_training.expert.rates import rate_groups
from inspire_training.losses import loss_parts, validation_numbers
from inspire_training.progress import Progress
from inspire_training.scale import sharding
from inspire_training.scale.average import RunningAverage
from inspire_training.scale.curve import Curve
from inspire_training.scale.mixed import autocast
from inspire_training.scale.prefetch import Prefetch
from inspire_training.scale.recompute import recompute
from inspire_training.scale.utilisation import Arithmetic, peak
from inspire_training.settings import TrainSettings
from inspire_training.start import config_of, starting_point


def train(settings: TrainSettings) -> Path:
    """Train as told and return the last checkpoint's folder."""
    run = prepared(settings)
    try:
        return run.loop()
    finally:
        run.close()


def prepared(settings: TrainSettings) -> Run:
    """A run before its first step: data opened, network where it is trained. Its `close` has to be called."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    # Said outright, or processes without GPUs would not know of each other and train the same run side by side.
    accelerator = Accelerator(mixed_precision=settings.precision, cpu=not torch.cuda.is_available())
    if settings.shard and accelerator.num_processes == 1:
        raise ValueError("shard: expected several processes to split the weights over, found one; start with torchrun")
    shards = _open_all(settings, accelerator)
    questions = Cotraining(settings, config_of(settings).cameras) if settings.grounding.data else None
    if questions is not None and settings.shard:
        raise ValueError("shard: expected no grounding questions beside the actions, found some; leave one of them out")
    start = load_checkpoint(settings.out) if settings.resume else starting_point(settings, shards.stores, questions)
    resumed = _resumed(settings) if settings.resume else {}
    sampler = FrameSampler(
        shards.stores,
        shards.weights,
        start.config,
        start.style(),
        start.codec(),
        start.tokenizer,
        start.words,
        answers=settings.answers,
    )
    if questions is not None:
        questions.begin(start)
    return Run(settings, accelerator, sampler, questions, start, shards, resumed)


class Run:
    """The state of one run."""

    def __init__(
        self,
        settings: TrainSettings,
        accelerator: Accelerator,
        sampler: FrameSampler,
        questions: Cotraining | None,
        start: Checkpoint,
        shards: OpenShards,
        resumed: Mapping[str, Any],
    ) -> None:
        self.settings, self.accelerator, self.sampler, self.start = settings, accelerator, sampler, start
        self.questions, self.shards = questions, shards
        # The last dimension first is a fifth faster on CPUs; what is sharded has to lie in the usual order.
        order = torch.contiguous_format if settings.shard else torch.channels_last
        self.network: Any = start.model.to(accelerator.device, memory_format=order)
        self.network.towers.requires_grad_(not settings.freeze_vision)
        if settings.recompute:
            recompute(sharding.blocks(self.network))
        if settings.shard:
            sharding.shard(self.network, settings.precision)
        self.average = RunningAverage(self.network)
        optimizer = torch.optim.AdamW(
            rate_groups(self.network, settings.decay, settings.rates), lr=settings.rate, betas=(0.9, settings.beta2)
        )
        if resumed:
            sharding.hand_out(self.network, resumed["network"])
            sharding.hand_out_optimizer(optimizer, resumed["optimizer"])
        self.optimizer = accelerator.prepare(optimizer)
        self.step, self.seconds = (start.step, start.seconds) if settings.resume else (0, 0.0)
        self.augmentation = Augmentation(
            random_answers=settings.random_answers,
            counterfactual=settings.counterfactual,
            balance=settings.balance,
            colour=settings.colour,
            shift=settings.shift,
            patches=settings.patches,
        )
        self.accumulate = _accumulated(settings, accelerator.num_processes)
        self.batches = Prefetch(self._batch, accumulate=self.accumulate, threads=settings.readers)
        self.arithmetic, self.peak = Arithmetic(), 1e12 * settings.peak_tflops
        main = accelerator.is_main_process
        self.curve = Curve(settings.out, self.step) if main else None
        self.board = SummaryWriter(str(settings.out / "curves"), purge_step=self.step or None) if main else None

    def loop(self) -> Path:
        """Steps until the end; validates and saves every `checkpoint_seconds`, `checkpoint_steps`, and at the end."""
        progress, saved, last = Progress(self.settings.log_seconds), time.monotonic(), time.monotonic()
        told, waited = last, self.batches.waited
        frames = self.settings.batch * self.accelerator.num_processes * self.accumulate
        self._say(
            f"{self.sampler.frames} training frames, "
            f"{sum(p.numel() for p in self.network.parameters()) / 1e6:.2f} M parameters, {frames} frames a step"
        )
        while (fraction := self._fraction()) < 1.0:
            numbers = self.train_step(fraction)
            now = time.monotonic()
            self.seconds, last = self._agreed(self.seconds + now - last), now
            progress.update(frames, numbers)
            if progress.due:
                line, means = progress.line(self.step, self._fraction(), self.seconds)
                means["utilisation"] = self.utilisation(means["samples_per_second"])
                means["waiting"] = (self.batches.waited - waited) / (now - told)
                told, waited = now, self.batches.waited
                self._say(
                    f"{line}, {100 * means['utilisation']:.1f} % of the device, {100 * means['waiting']:.1f} % of the "
                    "time waiting for batches"
                )
                self._plot("train", means)
            every = self.settings.checkpoint_steps
            due = self._agreed(now - saved) >= self.settings.checkpoint_seconds or (every and self.step % every == 0)
            if due and self._fraction() < 1.0:
                self._validate_and_save()
                saved = last = time.monotonic()
        folder = self._validate_and_save()
        self.accelerator.end_training()
        return folder

    def close(self) -> None:
        """End what runs beside."""
        self.batches.close()
        if self.board:
            with contextlib.suppress(OSError):  # a full disk has been told of
                self.board.close()

    def _fraction(self) -> float:
        by_time = self.seconds / (60 * self.settings.minutes) if self.settings.minutes > 0 else 0.0
        return min(1.0, max(self.step / self.settings.steps, by_time))

    def _agreed(self, value: float) -> float:
        """The mean of a clock over all processes, so that all of them take the same decisions."""
        if self.accelerator.num_processes == 1:
            return value
        return float(self.accelerator.reduce(torch.tensor(value, device=self.accelerator.device), reduction="mean"))

    def _batch(self, step: int, micro: int) -> TrainingBatch:
        """The part of a step that this process takes as its micro-th."""
        part = micro * self.accelerator.num_processes + self.accelerator.process_index
        return self.sampler.batch(self.settings.batch, self.augmentation, self.settings.seed, step, part)

    def train_step(self, fraction: float) -> dict[str, float]:
        """One step of the optimiser, `fraction` of the way; the means of the loss and its parts."""
        s = self.settings
        scale = min(1.0, (self.step + 1) / s.warmup) if s.warmup else 1.0
        if s.schedule == "cosine":
            scale *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fraction))
        for group in self.optimizer.param_groups:
            group["lr"] = s.rate * scale * group.get("scale", 1.0)  # older checkpoints know no scales
        self.network.train()
        if s.freeze_vision:
            self.network.towers.eval()  # their running statistics stay as well
        sums: dict[str, torch.Tensor] = {}
        for micro in range(self.accumulate):
            sharding.last_of_step(self.network, micro + 1 == self.accumulate)
            for name, value in self._backward(micro).items():
                sums[name] = sums.get(name, 0.0) + value.detach() / self.accumulate
        sharding.average_gradients(self.network)
        self.accelerator.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.average.update(min(s.average, (1 + self.step) / (10 + self.step)))
        values = self.accelerator.reduce(torch.stack(list(sums.values())), reduction="mean").tolist()
        return dict(zip(sums, values))

    def _backward(self, micro: int) -> dict[str, torch.Tensor]:
        """Add the gradients of one part of the step; its loss and the parts of that."""
        s, first = self.settings, self.arithmetic.of_a_step == 0
        batch = self.batches.take(self.step, micro).to(self.accelerator.device)
        computing = partial(autocast, self.accelerator.device, s.precision)
        with self.arithmetic.counting(self.network) if first else contextlib.nullcontext(), computing():
            outputs = self.network(batch)
        if first:
            self.arithmetic.add_decoder(self.network, batch)
        parts = loss_parts(outputs, batch, s.loss, self.start.config.offset_scale)
        if self.questions is not None:
            part = micro * self.accelerator.num_processes + self.accelerator.process_index
            with computing():
                asked = self.questions.loss(self.network, self.step, part)
            parts["grounding"] = s.loss.grounding * asked
        loss = torch.stack(list(parts.values())).sum()
        self.accelerator.backward(loss / self.accumulate)
        return {"loss": loss, **parts}

    def utilisation(self, samples_per_second: float) -> float:
        """Model FLOP utilisation, 0..1; see `inspire_training.scale.utilisation`."""
        self.peak = self.peak or peak(self.accelerator.device, self.settings.precision)
        per_sample = self.arithmetic.of_a_step / self.settings.batch
        return samples_per_second * per_sample / (self.peak * self.accelerator.num_processes)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The mean numbers of the network's weights on held-out trajectories; empty when there are none. Every process
        computes them: sharded weights need all of them.
        """
        sums: dict[str, float] = {}
        count = 0
        self.network.eval()
        answer_ids = torch.from_numpy(self.sampler.answer_ids).to(self.accelerator.device)
        for batch in self.sampler.validation(self.settings.batch, self.settings.validation_frames):
            batch = batch.to(self.accelerator.device)
            with autocast(self.accelerator.device, self.settings.precision if self.settings.shard else "no"):
                outputs = self.network(batch)
            scale, reach = self.start.config.offset_scale, ActionContract().max_translation
            for name, value in validation_numbers(outputs, batch, answer_ids, scale, reach).items():
                sums[name] = sums.get(name, 0.0) + value * len(batch)
            count += len(batch)
        return {name: value / count for name, value in sums.items()}

    def _validate_and_save(self) -> Path:
        folder = self.settings.out / "checkpoints" / f"step-{self.step:07d}"
        main = self.accelerator.is_main_process
        with self.average.shown():
            numbers = self.validate()
            state = sharding.whole_state(self.network, kept=main)
        resume = {
            "network": sharding.whole_state(self.network, kept=main),
            "optimizer": sharding.whole_optimizer(self.optimizer, kept=main),
        }
        self._plot("validation", numbers)
        self._say(
            "held out: " + (", ".join(f"{name} {value:.4g}" for name, value in numbers.items()) or "no trajectory")
        )
        if main:
            training = self._facts() | {"held_out": numbers}
            now = dataclasses.replace(self.start, step=self.step, seconds=self.seconds, training=training)
            save_checkpoint(self.settings.out, now, resume, state=state)
        self.accelerator.wait_for_everyone()
        return folder

    def _facts(self) -> dict[str, Any]:
        """What is told of the training in checkpoint and manifest."""
        facts: dict[str, Any] = {"step": self.step, "seconds": round(self.seconds), "seed": self.settings.seed}
        facts |= {"frames": self.sampler.frames, "files": [p.name for p in self.settings.data]}
        if damaged := {**self.shards.damaged, **{n: f"{c} frames" for n, c in self.sampler.damaged.items()}}:
            facts["damaged"] = damaged
        if self.questions is not None:
            facts["grounding"] = self.questions.facts
        return facts | {name: self.start.training[name] for name in ("published",) if name in self.start.training}

    def _plot(self, prefix: str, numbers: dict[str, float]) -> None:
        if self.curve and prefix == "train":
            rate = self.optimizer.param_groups[0]["lr"]
            self.curve.add(self.step, {**numbers, "rate": rate, "damaged": self.sampler.damaged.total()})
        if self.board:
            for name, value in numbers.items():
                self.board.add_scalar(f"{prefix}/{name}", value, self.step)

    def _say(self, text: str) -> None:
        if self.accelerator.is_main_process:
            print(text, flush=True)


def _open_all(settings: TrainSettings, accelerator: Accelerator) -> OpenShards:
    """The frames of all files; the main process builds them, the others wait and read the same."""
    config = config_of(settings)

    def say(text: str) -> None:
        if accelerator.is_main_process:
            print(text, flush=True)

    with accelerator.main_process_first():
        return open_shards(settings.data, settings.weights, config.cameras, config.chunk_length, say=say)


def _resumed(settings: TrainSettings) -> Mapping[str, Any]:
    """What an exact continuation needs; mapped, since every process reads it and may keep but a part."""
    return torch.load(find_checkpoint(settings.out) / "resume.pt", weights_only=True, mmap=True, map_location="cpu")


def _accumulated(settings: TrainSettings, processes: int) -> int:
    """Parts of a step that a process takes one behind the other. Raises ValueError."""
    at_once = settings.batch * processes
    wanted = settings.global_batch or at_once
    if wanted % at_once:
        raise ValueError(
            f"global batch: expected a multiple of batch x processes ({settings.batch} x {processes}), found {wanted}"
        )
    return wanted // at_once
