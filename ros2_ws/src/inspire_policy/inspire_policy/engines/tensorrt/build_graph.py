"""One engine from one ONNX file: `python -m inspire_policy.engines.tensorrt.build_graph REQUEST.json`.

A process of its own, because a builder that meets a graph it does not like may crash. Says its progress as lines of
JSON: {"phase", "step", "steps"}, in the end {"bytes", "seconds"}. Exit codes: 0; 2 for a graph that the library
refuses.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspire_policy.engines.protocol import EngineError
from inspire_policy.engines.tensorrt.api import Api
from inspire_policy.schema import read


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to build.

    Attributes:
        target: of TARGETS. onnx, out: files. shapes: input -> its shape, for those the ONNX file leaves open.
        device: "sm_89" to build ahead of time (rtx), empty for the device of this machine.
        timing_cache: file that is read when it fits and then written; empty for none.
    """

    target: str
    onnx: str
    out: str
    shapes: Mapping[str, tuple[int, ...]]
    device: str = ""
    timing_cache: str = ""


def build(request: Request) -> dict[str, Any]:
    """Build and write the engine. Raises EngineError."""
    started = time.monotonic()
    api = Api.load(request.target)
    trt, logger = api.module, api.logger()
    builder = trt.Builder(logger)
    network = builder.create_network(api.network_flags())
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(Path(request.onnx).read_bytes()):
        raise EngineError(f"{request.onnx}: expected a graph that {trt.__name__} parses, found: {_errors(parser)}")
    fix_shapes(network, request.shapes)
    config = builder.create_builder_config()
    config.progress_monitor = _monitor(trt)
    if request.device:
        _aim(trt, config, request.device)
    if request.timing_cache:
        read_timing_cache(config, Path(request.timing_cache))
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{request.onnx}: expected an engine, found none; the lines above say why")
    content = bytes(plan)
    write_whole(Path(request.out), content)
    if request.timing_cache:
        write_whole(Path(request.timing_cache), bytes(config.get_timing_cache().serialize()))
    return {"bytes": len(content), "seconds": round(time.monotonic() - started, 2)}


def fix_shapes(network: Any, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give every input that the ONNX file leaves open its shape. Raises EngineError where none is named."""
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        if -1 in tuple(tensor.shape):
            if tensor.name not in shapes:
                raise EngineError(f"input {tensor.name}: expected a shape for {tuple(tensor.shape)}, found none")
            tensor.shape = tuple(shapes[tensor.name])


def write_whole(place: Path, content: bytes) -> None:
    """A file that is complete or absent."""
    part = place.with_name(place.name + ".part")
    part.write_bytes(content)
    os.replace(part, place)


def _errors(parser: Any) -> str:
    return "; ".join(str(parser.get_error(i)).splitlines()[0] for i in range(parser.num_errors)) or "no reason given"


def _aim(trt: Any, config: Any, device: str) -> None:
    """Build for a compute capability. Raises EngineError where the library cannot."""
    known = [name.lower().replace("sm", "sm_") for name in trt.ComputeCapability.__members__ if name.startswith("SM")]
    if device not in known:
        raise EngineError(f"compute capability: expected one of {', '.join(known)}, found {device}")
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.__members__[device.replace("_", "").upper()], 0)


def read_timing_cache(config: Any, place: Path) -> None:
    """Give the builder a timing cache; one that is damaged or of something else is begun anew."""
    content = place.read_bytes() if place.is_file() else b""
    cache = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, False):
        print(f"timing cache {place}: does not fit this library and device, begun anew", file=sys.stderr)
        config.set_timing_cache(config.create_timing_cache(b""), True)


def _monitor(trt: Any) -> Any:
    """Progress of the outermost phases as lines of JSON."""

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self._steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self._steps:
                _say({"phase": phase_name, "step": step + 1, "steps": self._steps[phase_name]})
            return True

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()


def _say(content: Mapping[str, Any]) -> None:
    print(json.dumps(content), flush=True)


def main(arguments: Sequence[str]) -> int:
    """Exit code of the process."""
    request = read(Request, json.loads(Path(arguments[0]).read_text(encoding="utf-8")), "request")
    try:
        _say(build(request))
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
