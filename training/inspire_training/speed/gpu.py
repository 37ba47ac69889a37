"""`inspire bench-gpu`: everything that is due on a GPU, measured in one run; without one, the same on the CPU, and a
line with the reason for whatever could not run.

The weights are random: times do not depend on them, and tokens can be compared all the same. The reference for tokens
is eager greedy decoding in single precision by the published procedure, on the same device.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import EngineError, make_engine
from inspire_policy.engines.tensorrt.build import build_engines
from inspire_policy.parity import ParitySample
from inspire_policy.programs.base import graph_files, make_program
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.evaluation.folder import write_file
from inspire_training.export import export, random_jobs
from inspire_training.policy_torch import TorchPolicy
from inspire_training.published.importing import import_checkpoint
from inspire_training.published.random_weights import write_random_run
from inspire_training.published.settings import ImportSettings, RandomRunSettings
from inspire_training.settings import ExportSettings, GpuBenchSettings
from inspire_training.speed.comparison import Comparison, csv_text, table
from inspire_training.speed.floor import Device, Floor
from inspire_training.speed.machine import machine
from inspire_training.speed.published_procedure import PublishedProcedure
from inspire_training.speed.torch_device import torch_engine
from inspire_training.speed.training import training_speed

Rows = list[dict[str, Any]]


def bench_gpu(settings: GpuBenchSettings) -> dict[str, Rows]:
    """Measure, print, write latency.csv and training.csv into `out`, and return their rows.

    Raises ValueError, OSError, BundleError where weights or bundles cannot be made.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings.out.mkdir(parents=True, exist_ok=True)
    described = {"preset": f"{settings.preset}, random weights", **machine()}
    found: dict[str, Rows] = {}
    parts: dict[str, Callable[[], tuple[Rows, dict[str, str]]]] = {
        "latency": lambda: latency(settings, device),
        "training": lambda: training_speed(settings, random_weights(settings)),
    }
    for name, measure in parts.items():
        rows, further = measure()
        write_file(settings.out / f"{name}.csv", csv_text(rows, {**described, **further}))
        print("\n".join(f"{key}: {value}" for key, value in further.items()))
        print(table(rows) if name == "latency" else "\n".join(str(row) for row in rows), flush=True)
        found[name] = rows
    return found


def latency(settings: GpuBenchSettings, device: torch.device) -> tuple[Rows, dict[str, str]]:
    """Ticks of all engines beside their peers; the rows, and what was measured of the device."""
    checkpoint = load_checkpoint(random_weights(settings))
    half = device.type == "cuda"
    dtype, precision = (torch.bfloat16, "bf16") if half else (torch.float32, "fp32")
    published = f"published procedure, eager PyTorch {precision}, {device.type}"
    samples = reference(checkpoint, settings.observations, device)
    comparison = Comparison(samples, reference=published, exact=False)
    here = f"{precision}, {device.type}"

    def eager(kind: torch.dtype, compiled: bool = False):  # type: ignore[no-untyped-def]
        return lambda: torch_engine(checkpoint, device, kind, compiled=compiled)

    comparison.add(published, eager(dtype), lambda e: PublishedProcedure(checkpoint, e))
    comparison.add(
        f"this program, eager PyTorch {here}", eager(dtype), lambda e: TorchPolicy(checkpoint, e), drafts=True
    )
    if half:
        comparison.add(
            "this program, eager PyTorch fp32, cuda", eager(torch.float32), lambda e: TorchPolicy(checkpoint, e)
        )
    if settings.compile:
        compiled = f"this program, torch.compile {here}"
        comparison.add(compiled, eager(dtype, True), lambda e: TorchPolicy(checkpoint, e), drafts=True)
    else:
        comparison.not_run["this program, torch.compile"] = "switched off"
    for kind in settings.precisions:
        folder = random_bundle(settings, kind)
        for name in ("onnxruntime", "cuda", "tensorrt", "rtx"):
            if name == "onnxruntime" and half:
                continue  # its CPU provider is of no interest beside a GPU
            comparison.add(
                f"this program, {name} {kind}",
                lambda name=name, folder=folder: _engine(name, folder),  # type: ignore[misc]
                lambda e, folder=folder: make_program(load_bundle(folder), e),  # type: ignore[misc]
                drafts=True,
            )
    comparison.run(settings.rounds)
    able = Device.measured(device, "bf16" if half else "no")
    rows = comparison.rows(Floor(checkpoint, able, bytes_per_weight=2 if half else 4))
    return rows, {
        "copy bandwidth": f"{able.bandwidth / 1e9:.0f} GB/s",
        "matrix products": f"{able.rate / 1e12:.2f} TFLOP/s, {precision}",
        "tick": f"one camera, {len(samples[0].job.objects)} questions, {checkpoint.codec().codes} action codes",
    }


def reference(checkpoint: Checkpoint, count: int, device: torch.device) -> list[ParitySample]:
    """Random observations with what plain greedy decoding says of them."""
    plain = PublishedProcedure(checkpoint, torch_engine(checkpoint, device))
    return [ParitySample.of(job, plain) for job in random_jobs(checkpoint, count)]


def random_weights(settings: GpuBenchSettings) -> Path:
    """The checkpoint with random weights, made where there is none yet."""
    folder = settings.work / settings.preset
    if not (folder / "checkpoint.json").is_file():
        run = settings.work / f"{settings.preset}-run"
        if not (run / "tokenizer.json").is_file():
            write_random_run(RandomRunSettings(preset=settings.preset, out=run))
        import_checkpoint(ImportSettings(checkpoint_dir=run, vq=run / "vq", out=folder))
    return folder


def random_bundle(settings: GpuBenchSettings, precision: Any) -> Path:
    """Its bundle in a precision, made where there is none yet."""
    folder = settings.work / f"{settings.preset}-{precision}"
    if not (folder / "policy.json").is_file():
        export(
            ExportSettings(
                checkpoint=random_weights(settings), out=folder, parity_frames=2, name=folder.name,
                bodies=("libero_object",), vision=precision, language=precision,
            )
        )  # fmt: skip
    return folder


def _engine(name: str, folder: Path):  # type: ignore[no-untyped-def]
    """The engine of a bundle; TensorRT's are built first. Raises EngineError."""
    bundle = load_bundle(folder)
    if name in ("tensorrt", "rtx"):
        if not torch.cuda.is_available():
            raise EngineError("expected an NVIDIA GPU, found none")
        build_engines(bundle, target=name)
    return make_engine(name, graph_files(bundle), threads=torch.get_num_threads())
