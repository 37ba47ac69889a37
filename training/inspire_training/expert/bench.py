"""`inspire bench` of a bundle with an action expert: its ways to tick beside the shipped bundle's tick, in turns in one
run on one CPU thread.

Times are those of the thread's own work as well as of the clock: beside other load the clock says how busy the machine
is, the work what the tick costs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from inspire_policy.bundle import Bundle, find_bundle, load_bundle
from inspire_policy.engines.protocol import make_engine
from inspire_policy.parity import PARITY_FILE, ParitySample, read_parity
from inspire_policy.programs.base import Program, graph_files, make_program
from inspire_training.evaluation.folder import write_file
from inspire_training.settings import BenchSettings

REFERENCE = "tabletop"
SHIPPED = "shipped bundle, answers and chunk"
ALWAYS = 1_000_000  # ticks on the states of one


def expert_bench(settings: BenchSettings) -> dict[str, Any]:
    """Time all ways in turns, print the table, write `out` when given, return its content.

    Raises BundleError, EngineError, ValueError.
    """
    bundle, shipped = load_bundle(find_bundle(settings.bundle)), load_bundle(find_bundle(REFERENCE))
    samples, reference = _samples(bundle), _samples(shipped)
    ways = {
        SHIPPED: _way(_program(shipped, settings), asked=True),
        "expert, explicit": _way(_program(bundle, settings), asked=True),
        "expert, explicit, draft accepted": _way(_program(bundle, settings), asked=True, drafted=True),
        "expert, latent": _way(_program(bundle, settings), asked=False),
        "expert on kept states": _way(_program(bundle, settings, pace=ALWAYS), asked=False),
    }
    clock: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(settings.rounds + 1):
        for i in range(len(samples)):
            for name, tick in ways.items():
                seen = reference[i % len(reference)] if name == SHIPPED else samples[i]
                began, begun = time.perf_counter(), time.thread_time()
                tick(seen)
                worked, taken = time.thread_time() - begun, time.perf_counter() - began
                if turn:  # the first one warms up
                    clock[name].append(taken)
                    work[name].append(worked)
    base = float(np.median(work[SHIPPED]))
    rows = {}
    for name in ways:
        row = {
            f"{kind}_p{p}_ms": round(1e3 * float(np.percentile(values[name], p)), 2)
            for kind, values in (("clock", clock), ("work", work))
            for p in (50, 95)
        }
        rows[name] = row | {"of_shipped": round(float(np.median(work[name])) / base, 2)}
    content = {
        "bundle": settings.bundle, "engine": settings.engine, "ticks": len(work[SHIPPED]), "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1), "ways": rows,
    }  # fmt: skip
    print(table(content))
    if settings.out is not None:
        write_file(settings.out, json.dumps(content, indent=1) + "\n")
    return content


def table(content: dict[str, Any]) -> str:
    """The result for people."""
    names = ("work_p50_ms", "work_p95_ms", "clock_p50_ms", "clock_p95_ms", "of_shipped")
    heads = ("work p50", "p95", "clock p50", "p95", "of shipped")
    lines = [f"{'tick, ms':<36}" + "".join(f"{head:>12}" for head in heads)]
    for name, row in content["ways"].items():
        lines.append(f"{name:<36}" + "".join(f"{row[column]:>12}" for column in names))
    lines.append(f"{content['ticks']} ticks each; load average {content['load']} on {content['cpus']} CPUs")
    return "\n".join(lines)


def _samples(bundle: Bundle) -> tuple[ParitySample, ...]:
    if PARITY_FILE not in bundle.manifest.files:
        raise ValueError(f"bundle: expected recorded observations in {PARITY_FILE}, found none; export it again")
    return read_parity(str(bundle.file(PARITY_FILE)))


def _program(bundle: Bundle, settings: BenchSettings, pace: int = 1) -> Program:
    program = make_program(bundle, make_engine(settings.engine, graph_files(bundle), threads=1))
    program.set_pace(pace)
    return program


def _way(program: Program, *, asked: bool, drafted: bool = False) -> Callable[[ParitySample], object]:
    told: list[str] = []

    def tick(sample: ParitySample) -> object:
        told.append(sample.job.instruction)
        if asked:
            return program.tick(dataclasses.replace(sample.job, draft=sample.draft if drafted else {}))
        # One instruction, so that states can be kept.
        return program.tick(dataclasses.replace(sample.job, instruction=told[0], objects=()))

    return tick
