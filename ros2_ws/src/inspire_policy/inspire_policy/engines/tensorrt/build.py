"""Engines of a bundle, as `inspire build-engine` makes them: each graph in a process of its own, then the record.

The folder appears as a whole or not at all. Where the device is at hand the engines are compared with the bundle's
recorded observations and refused when they differ; engines built ahead of time say in their record that this was not
done, and the policy node does it before it acts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inspire_policy.bundle import Bundle, sha256
from inspire_policy.engines.fixed_rows import DECODER, decoder_graph, row_counts
from inspire_policy.engines.protocol import EngineError
from inspire_policy.engines.tensorrt import store
from inspire_policy.engines.tensorrt.api import Api
from inspire_policy.engines.tensorrt.build_graph import Request
from inspire_policy.engines.tensorrt.devices import this_device
from inspire_policy.programs.base import graph_files
from inspire_policy.schema import plain

TIMING_CACHE = "timing.cache"
Say = Callable[[str], None]


@dataclass(frozen=True)
class GraphBuild:
    """One engine to build: its name, the ONNX file, and the shapes of the inputs that the file leaves open."""

    name: str
    onnx: Path
    shapes: Mapping[str, tuple[int, ...]]


def graph_builds(bundle: Bundle) -> list[GraphBuild]:
    """All engines of a bundle: every graph once, the decoder for each row count."""
    builds = []
    for name, file in graph_files(bundle).items():
        if name != DECODER:
            builds.append(GraphBuild(name, file, {}))
            continue
        for rows in bundle_rows(bundle):
            builds.append(GraphBuild(decoder_graph(rows), file, decoder_shapes(bundle, rows)))
    return builds


def bundle_rows(bundle: Bundle) -> tuple[int, ...]:
    """The decoder's row counts; see `row_counts`."""
    one_by_one = bundle.codec.codes > 0 or bundle.manifest.grounding is not None
    return row_counts(bundle.manifest.decoder.cache_length, codes=one_by_one)


def decoder_shapes(bundle: Bundle, rows: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the decoder's inputs for `rows` new rows."""
    spec, width = bundle.manifest.decoder, bundle.manifest.perception.width
    cache = (spec.layers, 1, spec.kv_heads, spec.cache_length, spec.head_dim)
    return {
        "token_ids": (1, rows),
        "position_ids": (1, rows),
        "embeddings": (1, rows, width),
        "use_embeddings": (1, rows, 1),
        "attention_bias": (1, 1, rows, spec.cache_length + rows),
        "past_keys": cache,
        "past_values": cache,
    }


def engine_key(bundle: Bundle, target: str, version: str, device: str) -> store.EngineKey:
    """The key of a bundle's engines."""
    hashes = store.onnx_hashes(graph_files(bundle))
    return store.EngineKey(onnx=hashes, rows=bundle_rows(bundle), target=target, version=version, device=device)


def build_engines(bundle: Bundle, *, target: str = "tensorrt", device: str = "", say: Say = print) -> Path:
    """Build what is missing and return the folder of the engines.

    Args:
        target: of TARGETS. device: compute capability such as "sm_89", empty for this machine's own.

    Raises:
        EngineError: library or device missing, a graph refused, a builder that crashed, disk full.
        BundleError: the engines do not do what the bundle has recorded.
    """
    api = Api.load(target)
    if target == "tensorrt" and device:
        raise EngineError("target tensorrt: expected no compute capability, as it builds on its own device; found one")
    aimed = device or this_device()
    key = engine_key(bundle, target, api.version, aimed)
    folder = store.engines_folder(graph_files(bundle)) / key.name
    if folder.is_dir():
        store.read_record(folder)
        say(f"{folder}: built before")
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".build.", dir=folder.parent))
        try:
            records = {build.name: _build(build, temporary, target, device, say) for build in graph_builds(bundle)}
            store.write_record(
                temporary, store.EngineRecord(key=key, graphs=records, parity=_parity(bundle, temporary, api, aimed))
            )
            os.replace(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise EngineError(
            f"engines: cannot write {folder}: {error}; free some space or copy the bundle elsewhere"
        ) from error
    return folder


def _build(build: GraphBuild, folder: Path, target: str, device: str, say: Say) -> store.GraphRecord:
    out, request = folder / f"{build.name}.engine", folder / f"{build.name}.json"
    cache = "" if device else str(folder.parent / TIMING_CACHE)
    content = Request(
        target=target, onnx=str(build.onnx), out=str(out), shapes=build.shapes, device=device, timing_cache=cache
    )
    request.write_text(json.dumps(plain(content)), encoding="utf-8")
    command = [sys.executable, "-m", "inspire_policy.engines.tensorrt.build_graph", str(request)]
    last: dict[str, float] = {}
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            last = json.loads(line)
            if "phase" in last:
                say(f"{build.name}: {last['phase']}, step {last['step']} of {last['steps']}")
        code = process.wait()
        complaints.seek(0)
        said = complaints.read().strip().splitlines()
    if code != 0:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise EngineError(
            f"engine {build.name}: expected the builder to end well, found {how}: "
            f"{' | '.join(said[-4:]) or 'no reason given'}"
        )
    request.unlink()
    say(f"{build.name}: {last['bytes'] / 1e6:.1f} MB in {last['seconds']:.1f} s")
    return store.GraphRecord(sha256=sha256(out), bytes=int(last["bytes"]), seconds=float(last["seconds"]))


def _parity(bundle: Bundle, folder: Path, api: Api, device: str) -> dict[str, object]:
    """Compare on this device; engines for another one cannot be run here."""
    try:
        here = this_device()
    except EngineError as error:
        return {"not_run": str(error)}
    if device != here:
        return {"not_run": f"built for {device}, this device is {here}"}
    from inspire_policy.engines.fixed_rows import FixedRows
    from inspire_policy.engines.tensorrt.engine import TensorRtEngine
    from inspire_policy.parity import warm_up
    from inspire_policy.programs.base import make_program

    engine = FixedRows(TensorRtEngine.open(folder, api), bundle_rows(bundle))
    return {"samples": warm_up(bundle, make_program(bundle, engine))}
