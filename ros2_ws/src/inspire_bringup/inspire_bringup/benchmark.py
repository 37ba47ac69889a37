"""How fast a bundle is, in process and through ROS, against the project's own limits.

In process: the bundle's program on one CPU thread with its recorded parity observations. Through ROS: gate and policy
as processes with the shipped DDS profile, driven in lockstep (see round_trips) by images of a real camera's size, of
which the model sees the middle. On a busy machine wall time says little: CPU time stands beside it (of round trips: of
policy and body together, also where they overlap), and p5 is nearer to what an idle machine shows. `make bench` on an
idle machine is what the limits are meant for.

The ROS share is the greater of two medians. Continued: the whole round trip where the policy only goes on with its
chunk, so that nothing but ROS is in it. Inferred: the round trip where the model is asked, less the latency that the
node itself reports (observation complete to action published).

Exit codes: 0 within all limits, 1 not, 2 bad input, 3 a node that failed.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspire_bringup.errors import BadInput, ExitCode
from inspire_bringup.options import Parser, finish
from inspire_bringup.runner import running, say
from inspire_bringup.stacks import Stack, sim_stack
from inspire_policy.bundle import Bundle, BundleError, find_bundle, load_bundle
from inspire_policy.engines.protocol import Engine, EngineError, make_engine
from inspire_policy.parity import PARITY_FILE, ParitySample, read_parity
from inspire_policy.programs.base import graph_files, make_program

LIMITS = {"tick p50 ms": 25.0, "tick p95 ms": 40.0, "ROS share p50 ms": 3.0, "policy process MB": 500.0}
WARM_UP = 8  # ticks or observations that are not counted
QUESTIONS = (0, 1, 2, 4)
CAMERA = (640, 480)  # width and height, px, of a RealSense's colour stream


@dataclass(frozen=True)
class Timing:
    """Durations in ms: how many, and their percentiles."""

    count: int
    p5: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """Summarise durations in s; at least one."""
        return cls(len(seconds), *np.percentile(np.asarray(seconds) * 1e3, [5, 50, 95, 99]).round(2).tolist())


class TimedEngine:
    """An engine that counts and times the runs of each graph."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    def inputs(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return self._engine.inputs(graph)

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name."""
        begin = time.perf_counter()
        outputs = self._engine.run(graph, inputs)
        self.seconds[graph].append(time.perf_counter() - begin)
        return outputs


def in_process(bundle: Bundle, samples: Sequence[ParitySample], ticks: int) -> dict[str, Any]:
    """Timings per tick by stage ("rest" is images, text and codec), and passes per number of questions."""
    engine = TimedEngine(make_engine("onnxruntime", graph_files(bundle), threads=1))
    program = make_program(bundle, engine)
    stages: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(WARM_UP + ticks):
        sample = samples[number % len(samples)]
        engine.seconds.clear()
        cpu, wall = time.thread_time(), time.perf_counter()
        program.tick(sample.job)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        if number >= WARM_UP:
            graphs = {graph: sum(seconds) for graph, seconds in engine.seconds.items()}
            for stage, seconds in {
                "tick": wall,
                "tick CPU": cpu,
                **graphs,
                "rest": wall - sum(graphs.values()),
            }.items():
                stages[stage].append(seconds)
    passes = {}
    for count in QUESTIONS[: 1 + sum(0 < n <= bundle.manifest.max_questions for n in QUESTIONS)]:
        engine.seconds.clear()
        program.tick(replace(samples[0].job, objects=bundle.manifest.known_objects[:count]))
        passes[str(count)] = {graph: len(engine.seconds[graph]) for graph in ("perception", "decoder")}
    return {"ms": {stage: asdict(Timing.of(seconds)) for stage, seconds in stages.items()}, "passes": passes}


def bodiless(stack: Stack) -> Stack:
    """Gate and policy alone, to be shown images of any aspect ratio."""
    nodes = [node for node in stack.nodes if node.name != "sim"]
    return replace(
        stack,
        nodes=tuple(
            replace(node, parameters={**node.parameters, "other_aspect": "centre"}) if node.name == "policy" else node
            for node in nodes
        ),
    )


def through_ros(
    bundle: Bundle, samples: Sequence[ParitySample], ticks: int, *, domain_id: int | None, logs: Path
) -> dict[str, Any]:
    """Round trips through gate and policy, and what the policy's process takes. Raises BadInput, StackFailure."""
    stack = bodiless(sim_stack(world=bundle.manifest.bodies[0], bundle=str(bundle.path)))
    with running(stack, log_folder=logs, domain_id=domain_id) as (processes, check):
        from inspire_bringup.round_trips import RoundTrips  # rclpy reads the stack's environment when it is initialised

        with RoundTrips(
            bundle.manifest.contract, tuple(bundle.manifest.cameras), processes.pid("policy"), check
        ) as body:
            body.start(samples[0].job.instruction, timeout=120.0)
            # One pose: a hand that jumped between recorded ones would be a fault to the gate.
            pose = samples[0].job.observation
            still = [
                replace(pose, images={camera: cv2.resize(image, CAMERA) for camera, image in seen.images.items()})
                for seen in (sample.job.observation for sample in samples)
            ]
            for number in range(WARM_UP):
                body.trip(still[number % len(still)])
            trips = [body.trip(still[number % len(still)]) for number in range(ticks)]
            good = [trip for trip in trips if not trip.sent_again]
            inferred = [trip for trip in good if trip.inferred]
            continued = [trip for trip in good if not trip.inferred]
            if not inferred or not continued:
                raise BadInput(
                    f"benchmark: expected observations with and without inference, found {len(inferred)} and "
                    f"{len(continued)}; take more --ticks and a bundle with a horizon above 1"
                )
            own = body.settle(1 + len(inferred)).latency_p50 * 1e3
            ms = {}
            for name, some in (("inferred", inferred), ("continued", continued)):
                ms[name] = asdict(Timing.of([trip.seconds for trip in some]))
                ms[f"{name} CPU"] = asdict(Timing.of([trip.cpu_seconds for trip in some]))
            shares = {"continued": ms["continued"]["p50"], "inferred": round(ms["inferred"]["p50"] - own, 2)}
            return {
                "round_trip_ms": ms,
                "node_latency_p50_ms": round(own, 2),
                "ros_share_p50_ms": shares,
                "policy_rss_mb": _rss_mb(processes.pid("policy")),
                "sent_again": sum(trip.sent_again for trip in trips),
            }


def _rss_mb(pid: int) -> float:
    """Resident memory of a process, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def judged(process: Mapping[str, Any], ros: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each limit with what was measured and whether it is met."""
    found = {
        "tick p50 ms": process["ms"]["tick"]["p50"],
        "tick p95 ms": process["ms"]["tick"]["p95"],
        "ROS share p50 ms": max(ros["ros_share_p50_ms"].values()),
        "policy process MB": ros["policy_rss_mb"],
    }
    return {name: {"found": found[name], "limit": limit, "met": found[name] <= limit} for name, limit in LIMITS.items()}


def table(result: Mapping[str, Any]) -> str:
    """The result for people."""
    process, ros = result["in_process"], result["through_ros"]
    rows = {**process["ms"], **{f"round trip, {name}": ms for name, ms in ros["round_trip_ms"].items()}}
    lines = [f"{'ms':<24}{'p5':>9}{'p50':>9}{'p95':>9}{'p99':>9}{'count':>8}"]
    lines += [
        f"{name:<24}" + "".join(f"{ms[p]:>9.2f}" for p in ("p5", "p50", "p95", "p99")) + f"{ms['count']:>8}"
        for name, ms in rows.items()
    ]
    shares = ", ".join(f"{share:.2f} ms {name}" for name, share in ros["ros_share_p50_ms"].items())
    lines.append(f"ROS share: {shares}")
    for count, passes in process["passes"].items():
        lines.append(f"{count} questions: {passes['perception']} vision pass, {passes['decoder']} decoder passes")
    lines.append(f"load average {result['load']:.1f} on {result['cpus']} CPUs; sent again: {ros['sent_again']}")
    for name, limit in result["limits"].items():
        verdict = "met" if limit["met"] else "NOT MET"
        lines.append(f"{name:<24}{limit['found']:>18.2f}  (at most {limit['limit']:g}: {verdict})")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit code. Raises BringupError."""
    parser = Parser(
        prog="python -m inspire_bringup.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bundle", default="tabletop", help="Name or folder of the bundle. Default: tabletop.")
    parser.add_argument("--ticks", type=int, default=200, help="Ticks, and observations through ROS. Default: 200.")
    parser.add_argument("--out", default="", help="JSON file to write as well.")
    parser.add_argument("--domain-id", type=int, default=None, help="ROS domain; not given: as for the demo.")
    options = parser.parse_args(arguments)
    if options.ticks < 1:
        raise BadInput(f"ticks: expected 1 or more, found {options.ticks}")
    try:
        bundle = load_bundle(find_bundle(options.bundle))
        if PARITY_FILE not in bundle.manifest.files:
            raise BadInput(f"bundle: expected recorded observations in {PARITY_FILE}, found none; export it again")
        samples = read_parity(str(bundle.file(PARITY_FILE)))
        process = in_process(bundle, samples, options.ticks)
    except (BundleError, EngineError) as error:
        raise BadInput(str(error)) from error
    say("in process: done; now through ROS")
    with tempfile.TemporaryDirectory() as logs:
        ros = through_ros(bundle, samples, options.ticks, domain_id=options.domain_id, logs=Path(logs))
    load = {"load": os.getloadavg()[0], "cpus": os.cpu_count()}
    result = {"schema_version": 1, "bundle": bundle.manifest.name, **load, "in_process": process, "through_ros": ros}
    result["limits"] = limits = judged(process, ros)
    if options.out:
        Path(options.out).write_text(json.dumps(result, indent=1) + "\n")
    print(table(result), flush=True)
    return ExitCode.OK if all(limit["met"] for limit in limits.values()) else ExitCode.TASK_FAILED


if __name__ == "__main__":
    finish(main)
