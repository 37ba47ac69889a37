"""The training loop, for every preset, codec and kind of question.

A step is a pure function of weights, optimiser state, seed and step number, so `--resume` continues exactly. Time
counts
over all resumptions, and the averaged weights are what is validated, saved and later exported.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from inspire_policy.action import ActionContract
from inspire_training.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, save_checkpoint
from inspire_training.data.augmentation import Augmentation
from inspire_training.data.frames import FrameStore, open_frames
from inspire_training.data.hdf5 import demonstration_files
from inspire_training.data.sampler import FrameSampler
from inspire_training.expert.cotraining import Cotraining
from inspire_training.expert.rates import rate_groups
from inspire_training.losses import loss_parts, validation_numbers
from inspire_training.progress import Progress
from inspire_training.settings import TrainSettings
from inspire_training.start import config_of, starting_point


def train(settings: TrainSettings) -> Path:
    """Train as told and return the last checkpoint's folder."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    accelerator = Accelerator(mixed_precision=settings.precision)
    stores = _open_all(settings, accelerator)
    questions = Cotraining(settings, config_of(settings).cameras) if settings.grounding.data else None
    start = load_checkpoint(settings.out) if settings.resume else starting_point(settings, stores, questions)
    resumed = torch.load(find_checkpoint(settings.out) / "resume.pt", weights_only=True) if settings.resume else None
    sampler = FrameSampler(
        stores,
        [weight for _, weight in _files(settings)],
        start.config,
        start.style(),
        start.codec(),
        start.tokenizer,
        start.words,
        answers=settings.answers,
    )
    if questions is not None:
        questions.begin(start)
    average = start.model
    network = copy.deepcopy(average).to(memory_format=torch.channels_last)  # a fifth faster on CPUs
    network.towers.requires_grad_(not settings.freeze_vision)
    optimizer = torch.optim.AdamW(
        rate_groups(network, settings.decay, settings.rates), lr=settings.rate, betas=(0.9, 0.99)
    )
    if resumed is not None:
        network.load_state_dict(resumed["network"])
        optimizer.load_state_dict(resumed["optimizer"])
    average.to(accelerator.device).eval()
    model, optimizer = accelerator.prepare(network, optimizer)
    run = _Run(settings, accelerator, sampler, questions, start, average, model, network, optimizer)
    return run.loop()


class _Run:
    """The state of one run."""

    def __init__(
        self,
        settings: TrainSettings,
        accelerator: Accelerator,
        sampler: FrameSampler,
        questions: Cotraining | None,
        start: Checkpoint,
        average: nn.Module,
        model: nn.Module,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.settings, self.accelerator, self.sampler, self.start = settings, accelerator, sampler, start
        self.questions = questions
        self.average, self.model, self.network, self.optimizer = average, model, network, optimizer
        self.step, self.seconds = (start.step, start.seconds) if settings.resume else (0, 0.0)
        self.augmentation = Augmentation(
            random_answers=settings.random_answers,
            counterfactual=settings.counterfactual,
            balance=settings.balance,
            colour=settings.colour,
            shift=settings.shift,
            patches=settings.patches,
        )
        self.board = (
            SummaryWriter(str(settings.out / "curves"), purge_step=self.step or None)
            if accelerator.is_main_process
            else None
        )

    def loop(self) -> Path:
        """Steps until the end; validates and saves every `checkpoint_seconds` and at the end."""
        progress, saved, last = Progress(self.settings.log_seconds), time.monotonic(), time.monotonic()
        self._say(
            f"{self.sampler.frames} training frames, "
            f"{sum(p.numel() for p in self.network.parameters()) / 1e6:.2f} M parameters"
        )
        while (fraction := self._fraction()) < 1.0:
            numbers = self._train_step(fraction)
            now = time.monotonic()
            self.seconds, last = self._agreed(self.seconds + now - last), now
            progress.update(self.settings.batch * self.accelerator.num_processes, numbers)
            if progress.due:
                line, means = progress.line(self.step, self._fraction(), self.seconds)
                self._say(line)
                self._plot("train", means)
            if self._agreed(now - saved) >= self.settings.checkpoint_seconds and self._fraction() < 1.0:
                self._validate_and_save()
                saved = last = time.monotonic()
        folder = self._validate_and_save()
        if self.board:
            self.board.close()
        self.accelerator.end_training()
        return folder

    def _fraction(self) -> float:
        by_time = self.seconds / (60 * self.settings.minutes) if self.settings.minutes > 0 else 0.0
        return min(1.0, max(self.step / self.settings.steps, by_time))

    def _agreed(self, value: float) -> float:
        """The mean of a clock over all processes, so that all of them take the same decisions."""
        if self.accelerator.num_processes == 1:
            return value
        return float(self.accelerator.reduce(torch.tensor(value, device=self.accelerator.device), reduction="mean"))

    def _train_step(self, fraction: float) -> dict[str, float]:
        s = self.settings
        batch = self.sampler.batch(s.batch, self.augmentation, s.seed, self.step, self.accelerator.process_index)
        batch = batch.to(self.accelerator.device)
        scale = min(1.0, (self.step + 1) / s.warmup) if s.warmup else 1.0
        if s.schedule == "cosine":
            scale *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fraction))
        for group in self.optimizer.param_groups:
            group["lr"] = s.rate * scale * group.get("scale", 1.0)  # older checkpoints know no scales
        self.model.train()
        if s.freeze_vision:
            self.network.towers.eval()  # their running statistics stay as well
        with self.accelerator.autocast():
            outputs = self.model(batch)
        parts = loss_parts(outputs, batch, s.loss, self.start.config.offset_scale)
        if self.questions is not None:
            with self.accelerator.autocast():
                asked = self.questions.loss(self.network, self.step, self.accelerator.process_index)
            parts["grounding"] = s.loss.grounding * asked
        loss = torch.stack(list(parts.values())).sum()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._update_average()
        return {"loss": loss.item()} | {name: value.item() for name, value in parts.items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.settings.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1.0 - decay)
        for mean, now in zip(self.average.buffers(), self.network.buffers()):
            mean.copy_(now)

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """The mean numbers of the averaged weights on held-out trajectories; empty when there are none."""
        sums: dict[str, float] = {}
        count = 0
        answer_ids = torch.from_numpy(self.sampler.answer_ids).to(self.accelerator.device)
        for batch in self.sampler.validation(self.settings.batch, self.settings.validation_frames):
            batch = batch.to(self.accelerator.device)
            outputs = self.average(batch)
            scale, reach = self.start.config.offset_scale, ActionContract().max_translation
            for name, value in validation_numbers(outputs, batch, answer_ids, scale, reach).items():
                sums[name] = sums.get(name, 0.0) + value * len(batch)
            count += len(batch)
        return {name: value / count for name, value in sums.items()}

    def _validate_and_save(self) -> Path:
        folder = self.settings.out / "checkpoints" / f"step-{self.step:07d}"
        if self.accelerator.is_main_process:
            numbers = self.validate()
            self._plot("validation", numbers)
            self._say(
                "held out: " + (", ".join(f"{name} {value:.4g}" for name, value in numbers.items()) or "no trajectory")
            )
            training = {
                "step": self.step,
                "seconds": round(self.seconds),
                "seed": self.settings.seed,
                "held_out": numbers,
            }
            training |= {"frames": self.sampler.frames, "files": [p.name for p in self.settings.data]}
            if self.questions is not None:
                training["grounding"] = self.questions.facts
            training |= {name: self.start.training[name] for name in ("published",) if name in self.start.training}
            state = dataclasses.replace(
                self.start, step=self.step, seconds=self.seconds, training=training, model=self.average
            )
            resume: dict[str, Any] = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
            save_checkpoint(self.settings.out, state, resume)
        self.accelerator.wait_for_everyone()
        return folder

    def _plot(self, prefix: str, numbers: dict[str, float]) -> None:
        if self.board:
            for name, value in numbers.items():
                self.board.add_scalar(f"{prefix}/{name}", value, self.step)

    def _say(self, text: str) -> None:
        if self.accelerator.is_main_process:
            print(text, flush=True)


def _open_all(settings: TrainSettings, accelerator: Accelerator) -> list[FrameStore]:
    """The frames of all files; the main process builds them, the others wait and map the same memory."""
    config = config_of(settings)
    with accelerator.main_process_first():
        return [open_frames(path, config.cameras, config.chunk_length) for path, _ in _files(settings)]


def _files(settings: TrainSettings) -> list[tuple[Path, float]]:
    """Every file of demonstrations with its weight."""
    if settings.weights and len(settings.weights) != len(settings.data):
        raise ValueError(
            f"weights: expected one per entry of data ({len(settings.data)}), found {len(settings.weights)}"
        )
    weights = settings.weights or [1.0] * len(settings.data)
    return [(file, weight) for path, weight in zip(settings.data, weights) for file in demonstration_files([path])]
