"""Training speed: frames and tokens per second, model FLOP utilisation, the share of time spent waiting for data."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inspire_training.checkpoint import load_checkpoint
from inspire_training.data.hdf5 import write_trajectories
from inspire_training.data.trajectory import Trajectory
from inspire_training.settings import GpuBenchSettings, TrainSettings
from inspire_training.train import prepared

WARM_UP = 5  # steps
EPISODES, FRAMES, SIDE = 8, 40, 256


def training_speed(settings: GpuBenchSettings, weights: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Steps of `batch` frames of random demonstrations from the checkpoint `weights`; a row of numbers, or why not."""
    if not settings.steps:
        return [{"not_run": "switched off"}], {}
    cuda = torch.cuda.is_available()
    with tempfile.TemporaryDirectory(prefix="inspire-speed-") as folder:
        data = Path(folder) / "random.hdf5"
        objects = load_checkpoint(weights).known_objects[:2]
        write_trajectories(data, (random_trajectory(seed, objects) for seed in range(EPISODES)))
        run = prepared(
            TrainSettings(
                data=(data,), out=Path(folder) / "run", preset=settings.preset, codec="residual_vq", init=weights,
                batch=settings.batch, precision="bf16" if cuda else "no", readers=settings.readers,
                average=0.0, warmup=0, rate=1e-5,
            )
        )  # fmt: skip
        wait = torch.cuda.synchronize if cuda else (lambda: None)
        try:
            for _ in range(WARM_UP):
                run.train_step(0.0)
            wait()
            begin, waited = time.monotonic(), run.batches.waited
            for _ in range(settings.steps):
                run.train_step(0.0)
            wait()
            seconds = time.monotonic() - begin
            frames = settings.batch * settings.steps / seconds
            row: dict[str, Any] = {
                "preset": settings.preset,
                "batch": settings.batch,
                "steps": settings.steps,
                "frames_per_second": round(frames, 2),
                "tokens_per_second": round(frames * run.arithmetic.tokens / settings.batch),
                "model_flop_utilisation": round(run.utilisation(frames), 4),
                "teraflop_per_frame": round(run.arithmetic.of_a_step / settings.batch / 1e12, 4),
                "share_waiting_for_data": round((run.batches.waited - waited) / seconds, 4),
            }
            if cuda:
                row["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
            further = {"peak": f"{run.peak / 1e12:.2f} TFLOP/s", "precision": run.settings.precision}
        finally:
            run.close()
    return [row], further


def random_trajectory(seed: int, objects: tuple[str, ...]) -> Trajectory:
    """An episode of noise."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (FRAMES, 7))
    return Trajectory(
        instruction=f"pick up the {objects[0]} and place it in the {objects[-1]}",
        objects=objects,
        images_agentview=rng.integers(0, 256, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8),
        images_wrist=rng.integers(0, 256, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8),
        positions=rng.normal(size=(FRAMES, 3)) * 0.1,
        quaternions=np.tile([1.0, 0.0, 0.0, 0.0], (FRAMES, 1)),
        openings=rng.uniform(size=FRAMES),
        executed_actions=actions,
        expert_actions=actions,
        directions=rng.integers(-3, 4, (FRAMES, len(objects))),
        offsets=rng.normal(size=(FRAMES, len(objects), 3)),
        grasped=np.zeros((FRAMES, len(objects)), dtype=bool),
        success=True,
        seed=seed,
        task="random",
    )
