"""What engines do around a device, on one that is the host's own memory: the same ticks, the same refusals."""

from pathlib import Path
from typing import ClassVar

import host_cuda
import numpy as np
import pytest
import tiny_bundle

from inspire_policy import brain as brains
from inspire_policy.brain import Brain
from inspire_policy.bundle import load_bundle
from inspire_policy.engines import onnxruntime as engines
from inspire_policy.engines.fixed_rows import FixedRows
from inspire_policy.engines.protocol import AUTO, EngineError, make_engine
from inspire_policy.engines.tensorrt import build, devices
from inspire_policy.engines.tensorrt.api import Api
from inspire_policy.engines.tensorrt.build_graph import Request, read_timing_cache
from inspire_policy.engines.tensorrt.build_graph import build as build_graph
from inspire_policy.engines.tensorrt.engine import TensorRtEngine
from inspire_policy.observations import PolicyObservation
from inspire_policy.programs.base import Job, graph_files, make_program

ASKED = ("milk", "bin")


@pytest.fixture(scope="module", params=["bins", "continuous"])
def bundle(request, tmp_path_factory):
    """With codes generated one by one, and with a chunk at once."""
    return load_bundle(tiny_bundle.make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", codec=request.param))


@pytest.fixture
def cuda(monkeypatch):
    """A device."""
    device = host_cuda.HostCuda()
    monkeypatch.setattr(devices, "runtime", lambda: device)
    return device


def opened(bundle, cuda, folder: Path):
    folder.mkdir()
    for graph in build.graph_builds(bundle):
        host_cuda.write_engine(folder / f"{graph.name}.engine", graph.onnx, dict(graph.shapes))
    api = Api("tensorrt", host_cuda.tensorrt_on(cuda), "10.3")
    return FixedRows(TensorRtEngine.open(folder, api), build.bundle_rows(bundle))


def ticks(bundle, engine, count=4):
    """Ticks of random observations, each with the answers of the one before as its draft; the first one's is wrong."""
    program, rng = make_program(bundle, engine), np.random.default_rng(3)
    draft, found = dict.fromkeys(ASKED, "grasped"), []
    for _ in range(count):
        images = {name: rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for name in bundle.manifest.cameras}
        seen = PolicyObservation(images, rng.normal(size=3), np.array([1.0, 0, 0, 0]), 0.5)
        tick = program.tick(Job(seen, tiny_bundle.INSTRUCTION, ASKED, draft=draft))
        draft = {answer.object: answer.word for answer in tick.answers}
        found.append(tick)
    return found


def assert_same(mine, theirs):
    for a, b in zip(mine, theirs, strict=True):
        assert [answer.word for answer in a.answers] == [answer.word for answer in b.answers]
        assert a.decoder_passes == b.decoder_passes
        np.testing.assert_allclose(a.rows, b.rows, atol=1e-5)


@pytest.mark.parametrize("captures", [True, False])
def test_tensorrt_ticks_as_onnx_runtime_does_and_keys_never_travel(bundle, cuda, tmp_path, captures):
    cuda.captures = captures
    engine = opened(bundle, cuda, tmp_path / "engines")
    plain = ticks(bundle, make_engine("onnxruntime", graph_files(bundle)))
    assert_same(ticks(bundle, engine), plain)
    assert plain[0].decoder_passes > plain[-1].decoder_passes, "a draft that fails, and one that holds"
    assert cuda.calls["rows"] == 2 * sum(tick.decoder_passes for tick in plain)
    assert ("launch" in cuda.calls) == captures
    assert "past_keys" not in engine.inputs("decoder")


def test_the_cuda_provider_ticks_as_the_cpu_does(bundle, cuda, monkeypatch):
    monkeypatch.setattr(engines.OnnxRuntimeCudaEngine, "provider", "CPUExecutionProvider")
    monkeypatch.setattr(engines.OnnxRuntimeCudaEngine, "memory", "cpu")
    mine = ticks(bundle, engines.OnnxRuntimeCudaEngine(graph_files(bundle)))
    assert_same(mine, ticks(bundle, make_engine("onnxruntime", graph_files(bundle))))
    assert cuda.calls["rows"] == 2 * sum(tick.decoder_passes for tick in mine)


def test_a_device_without_room_a_damaged_engine_and_a_full_cache_are_refused(bundle, cuda, tmp_path):
    engine = opened(bundle, cuda, tmp_path / "engines")
    slots = devices.Rows(0, (2, 1, 2, 16, 8), 4)
    with pytest.raises(EngineError, match="expected rows up to 16, found 12 kept and 5 new"):
        devices.copy_rows(slots, slots, 12, 5, 7)
    with pytest.raises(EngineError, match=r"expected float32 .* found float64"):
        engine.run("perception", {name: np.zeros(1) for name in engine.inputs("perception")} | wrong_state(bundle))
    (tmp_path / "engines" / "perception.engine").write_bytes(b"not an engine")
    api = Api("tensorrt", host_cuda.tensorrt_on(cuda), "10.3")
    with pytest.raises(EngineError, match=r"perception.engine: expected an engine of tensorrt 10.3 .* build it again"):
        TensorRtEngine.open(tmp_path / "engines", api)
    cuda.free = 1000
    with pytest.raises(EngineError, match="CUDA: expected success, found cudaErrorMemoryAllocation"):
        opened(bundle, cuda, tmp_path / "again")


def wrong_state(bundle):
    """Images as they should be, and a proprioception vector that is not."""
    images = {
        f"image_{name}": np.zeros((1, g.height, g.width, 3), np.uint8) for name, g in bundle.manifest.cameras.items()
    }
    return {**images, "proprioception": np.zeros((1, 10))}


def test_without_the_provider_or_its_device_the_reason_is_said(bundle):
    with pytest.raises(EngineError, match="expected an ONNX Runtime with CUDAExecutionProvider, found"):
        make_engine("cuda", graph_files(bundle))


def test_auto_refuses_what_it_cannot_have_and_keeps_the_reasons(bundle, cuda, monkeypatch):
    monkeypatch.setattr(cuda, "cudaGetDeviceCount", lambda: (host_cuda.OK, 0))
    brain = Brain.load(str(bundle.path), engine="auto")
    assert brain.engine == "onnxruntime"
    assert [reason.partition(": expected")[0].partition(":")[0] for reason in brain.refused] == list(AUTO[:-1])
    with pytest.raises(EngineError):
        Brain.load(str(bundle.path), engine="rtx")


def test_a_device_that_fails_while_it_warms_up_is_refused_too(bundle, monkeypatch):
    class Failing:
        name = "tensorrt"

        def inputs(self, graph):
            return ()

        def run(self, graph, inputs):
            raise EngineError("CUDA: expected success, found cudaErrorMemoryAllocation")

    real = brains.make_engine
    monkeypatch.setattr(
        brains, "make_engine", lambda name, *a, **k: Failing() if name == "tensorrt" else real(name, *a, **k)
    )
    brain = Brain.load(str(bundle.path), engine="auto")
    assert brain.engine == "onnxruntime" and "cudaErrorMemoryAllocation" in brain.refused[0]


def test_a_damaged_timing_cache_is_begun_anew(bundle, tmp_path, capfd):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed (requirements/tensorrt.txt has it)")
    cache = tmp_path / "timing.cache"
    cache.write_bytes(b"not a timing cache")
    (graph,) = (graph for graph in build.graph_builds(bundle) if graph.name == "perception")
    request = Request(
        target="rtx",
        onnx=str(graph.onnx),
        out=str(tmp_path / "out"),
        shapes={},
        device="sm_89",
        timing_cache=str(cache),
    )
    assert build_graph(request)["bytes"] > 0
    assert "timing cache" in capfd.readouterr().err


def test_a_timing_cache_that_the_library_refuses_is_begun_anew(tmp_path, capsys):
    class Config:
        """As TensorRT does with a cache of another version: created, and not taken."""

        taken: ClassVar[list] = []

        def create_timing_cache(self, content):
            return content

        def set_timing_cache(self, cache, ignore_mismatch):
            self.taken.append(cache) if not cache else None
            return not cache

    cache = tmp_path / "timing.cache"
    cache.write_bytes(b"of another version")
    read_timing_cache(Config(), cache)
    assert Config.taken == [b""] and "does not fit this library and device, begun anew" in capsys.readouterr().err


def test_a_builder_that_crashes_is_told_and_leaves_nothing_behind(bundle, tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed (requirements/tensorrt.txt has it)")
    crash = tmp_path / "crash"
    crash.write_text("#!/bin/sh\necho 'about to crash' >&2\nkill -SEGV $$\n")
    crash.chmod(0o755)
    monkeypatch.setattr(build.sys, "executable", str(crash))
    with pytest.raises(EngineError, match=r"expected the builder to end well, found signal 11: about to crash"):
        build.build_engines(bundle, target="rtx", device="sm_89", say=lambda line: None)
    assert list((bundle.path / "engines").iterdir()) == []
