"""`inspire bench`: a tick of the shipped program beside its peers, taking turns in one run on one CPU thread, against
the floor of this device, and through ROS.

Peers, all with the same weights and observations: the published procedure in eager PyTorch (images and text encoded
anew for each question and for the action, no cache kept between them), the runtime's own program over eager and over
compiled PyTorch, and the runtime's engine, without and with the last answers as a draft. All must give the same words.
Through ROS only the runtime is timed: the policy node holds no PyTorch.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from inspire_policy.bundle import Bundle, find_bundle, load_bundle
from inspire_policy.engines.protocol import Engine, EngineError, make_engine
from inspire_policy.parity import PARITY_FILE, ParitySample, read_parity
from inspire_policy.programs.base import graph_files, make_program
from inspire_training.checkpoint import Checkpoint, load_checkpoint
from inspire_training.evaluation.folder import write_file
from inspire_training.expert.bench import expert_bench
from inspire_training.policy_torch import TorchPolicy
from inspire_training.settings import BenchSettings
from inspire_training.speed.comparison import COLUMNS, Comparison, csv_text, table
from inspire_training.speed.floor import Device, Floor
from inspire_training.speed.machine import machine
from inspire_training.speed.published_procedure import PublishedProcedure
from inspire_training.speed.torch_device import torch_engine

PUBLISHED = "published procedure, eager PyTorch"
THROUGH_ROS = "image to command, through ROS"
CPU = torch.device("cpu")


def bench(settings: BenchSettings) -> dict[str, Any]:
    """Time all peers in turns, print the table, write `out` and `csv` when given, return the content.

    A bundle with an action expert is timed beside the shipped one; see `inspire_training.expert.bench`. Raises
    BundleError, EngineError, FileNotFoundError, ValueError, and SystemExit(1) where the limits of the benchmark through
    ROS are not met.
    """
    bundle = load_bundle(find_bundle(settings.bundle))
    if bundle.manifest.program.kind == "expert":
        return expert_bench(settings)
    torch.set_num_threads(1)
    described = machine()
    checkpoint = load_checkpoint(settings.checkpoint)
    comparison = compared(bundle, checkpoint, settings)
    comparison.run(settings.rounds, say=lambda line: None)
    device = Device.measured(CPU, "no")
    rows = comparison.rows(Floor(checkpoint, device, bytes_per_weight=4))
    described |= {
        "copy bandwidth": f"{device.bandwidth / 1e9:.1f} GB/s, one thread",
        "matrix products": f"{device.rate / 1e9:.1f} GFLOP/s, one thread, float32",
    }
    through_ros = _through_ros(settings)
    if through_ros:
        taken = through_ros["through_ros"]["round_trip_ms"]["inferred"]
        row = {"peer": THROUGH_ROS, "stage": "tick", "count": taken["count"]}
        row |= {f"{p}_ms": taken[p] for p in ("p50", "p95", "p99")}
        rows.append({column: row.get(column, "") for column in COLUMNS})
    content = {
        "bundle": settings.bundle, "engine": settings.engine, "ticks": settings.rounds * len(comparison.samples),
        "machine": described, "rows": rows, "through_ros": through_ros,
    }  # fmt: skip
    print(table(rows))
    print(f"{content['ticks']} ticks each; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    if settings.out is not None:
        write_file(settings.out, json.dumps(content, indent=1) + "\n")
    if settings.csv is not None:
        write_file(settings.csv, csv_text(rows, {"bundle": settings.bundle, **described}))
    if through_ros and not all(limit["met"] for limit in through_ros["limits"].values()):
        raise SystemExit(1)
    return content


def compared(bundle: Bundle, checkpoint: Checkpoint, settings: BenchSettings) -> Comparison:
    """All peers, each run once. Raises ValueError without recorded observations, EngineError without the engine."""

    def eager() -> Engine:
        return torch_engine(checkpoint, CPU)

    def compiled() -> Engine:
        if not settings.compile:
            raise EngineError("compile: switched off")
        if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
            raise EngineError("expected a C++ compiler, found none; apt install g++")
        return torch_engine(checkpoint, CPU, compiled=True)

    comparison = Comparison(recorded(bundle), reference=PUBLISHED)
    comparison.add(PUBLISHED, eager, lambda e: PublishedProcedure(checkpoint, e))
    comparison.add("this program, eager PyTorch", eager, lambda e: TorchPolicy(checkpoint, e))
    comparison.add("this program, torch.compile", compiled, lambda e: TorchPolicy(checkpoint, e))
    engine = make_engine(settings.engine, graph_files(bundle), threads=1)
    comparison.add(f"this program, {engine.name}", lambda: engine, lambda e: make_program(bundle, e), drafts=True)
    return comparison


def recorded(bundle: Bundle) -> Sequence[ParitySample]:
    """A bundle's recorded observations. Raises ValueError."""
    if PARITY_FILE not in bundle.manifest.files:
        raise ValueError(f"bundle: expected recorded observations in {PARITY_FILE}, found none; export it again")
    return read_parity(str(bundle.file(PARITY_FILE)))


def _through_ros(settings: BenchSettings) -> dict[str, Any]:
    """What `inspire_bringup.benchmark` finds, in a process of its own: nothing here imports ROS. Raises EngineError."""
    if not settings.ros_ticks:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "ros.json"
        command = [sys.executable, "-m", "inspire_bringup.benchmark", "--bundle", settings.bundle, "--out", str(out)]
        code = subprocess.run([*command, "--ticks", str(settings.ros_ticks)], check=False).returncode
        if not out.is_file():
            raise EngineError(f"through ROS: expected a result, found exit code {code}; the lines above say why")
        return json.loads(out.read_text())
