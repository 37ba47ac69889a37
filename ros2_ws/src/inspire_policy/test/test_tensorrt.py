"""TensorRT for RTX, for real: engines are built ahead of time, found by their key, and refused with a reason."""

import json
import re
import shutil

import pytest
import tiny_bundle

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import EngineError, make_engine
from inspire_policy.engines.tensorrt import build, store
from inspire_policy.engines.tensorrt.api import Api
from inspire_policy.engines.tensorrt.choice import open_engines
from inspire_policy.engines.tensorrt.devices import this_device
from inspire_policy.programs.base import graph_files

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed (requirements/tensorrt.txt has it)")
DEVICE = "sm_89"


def has_device() -> bool:
    try:
        return bool(this_device())
    except EngineError:
        return False


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A bundle with engines, what the build said, and their folder."""
    bundle = load_bundle(tiny_bundle.make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", codec="bins"))
    said: list[str] = []
    return bundle, said, build.build_engines(bundle, target="rtx", device=DEVICE, say=said.append)


def test_every_graph_becomes_an_engine_with_a_record(built):
    bundle, said, folder = built
    record = store.read_record(folder)
    assert set(record.graphs) == {"perception", "decoder_1", "decoder_64", "decoder_160"}
    assert {path.stem for path in folder.glob("*.engine")} == set(record.graphs)
    assert record.key.device == DEVICE and record.key.version == Api.load("rtx").version
    assert record.key.onnx == store.onnx_hashes(graph_files(bundle))
    assert any("step" in line for line in said) and any("MB in" in line for line in said)
    if not has_device():
        assert "CUDA" in record.parity["not_run"]


def test_what_was_built_is_not_built_again(built):
    bundle, _, folder = built
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    said: list[str] = []
    assert build.build_engines(bundle, target="rtx", device=DEVICE, say=said.append) == folder
    assert said == [f"{folder}: built before"]
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"device": "sm_90"}, "device sm_89"), ({"version": "0.1"}, "version 1."), ({"onnx": {}}, "other graphs")],
)
def test_engines_of_something_else_are_named_and_refused(built, change, reason):
    bundle, _, _ = built
    graphs = graph_files(bundle)
    wanted = {"onnx": store.onnx_hashes(graphs), "target": "rtx", "version": Api.load("rtx").version, "device": DEVICE}
    assert store.find_engines(graphs, **wanted)[1].key.device == DEVICE
    with pytest.raises(EngineError, match=rf"found .*{reason}.*run `inspire build-engine "):
        store.find_engines(graphs, **{**wanted, **change})


def test_a_damaged_engine_is_refused(built, tmp_path):
    _, _, folder = built
    copy = shutil.copytree(folder, tmp_path / folder.name)
    (copy / "perception.engine").write_bytes(b"not an engine")
    with pytest.raises(EngineError, match=r"expected perception.engine as recorded"):
        store.read_record(copy)
    (copy / store.RECORD).write_text(json.dumps({"schema_version": 1}))
    with pytest.raises(EngineError, match="expected the field key"):
        store.read_record(copy)


def test_a_graph_that_is_refused_leaves_nothing_behind(tmp_path):
    bundle = load_bundle(tiny_bundle.make_tiny_bundle(tmp_path / "tiny"))
    bundle.file("head.onnx").write_bytes(b"not a graph")
    with pytest.raises(EngineError, match=r"head.*exit code 2.*expected a graph that tensorrt_rtx parses"):
        build.build_engines(bundle, target="rtx", device=DEVICE, say=lambda line: None)
    assert list((tmp_path / "tiny" / store.FOLDER).iterdir()) == []


def test_wrong_targets_and_devices_are_refused(built):
    bundle, _, _ = built
    with pytest.raises(EngineError, match="expected one of tensorrt, rtx, found 'tpu'"):
        build.build_engines(bundle, target="tpu")
    with pytest.raises(EngineError, match="expected one of sm_75"):
        build.build_engines(bundle, target="rtx", device="sm_12", say=lambda line: None)


@pytest.mark.skipif(has_device(), reason="for machines without a GPU; this one has one")
def test_without_a_driver_the_reason_is_said_and_auto_takes_onnx_runtime(built, caplog):
    bundle, _, _ = built
    graphs = graph_files(bundle)
    with pytest.raises(EngineError, match="CUDA: expected success, found cudaErrorInsufficientDriver"):
        open_engines("rtx", graphs)
    with caplog.at_level("INFO"):
        assert make_engine("auto", graphs).name == "onnxruntime"
    assert "not tensorrt: " in caplog.text and "not rtx: CUDA" in caplog.text


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        ("", "Builder OnnxParser Runtime ILogger IProgressMonitor NetworkDefinitionCreationFlag TensorIOMode nptype"),
        ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),
        ("Builder", "create_network create_builder_config build_serialized_network"),
        ("INetworkDefinition", "num_inputs get_input"),
        ("OnnxParser", "parse num_errors get_error"),
        ("IBuilderConfig", "progress_monitor create_timing_cache set_timing_cache get_timing_cache"),
        ("IProgressMonitor", "phase_start step_complete phase_finish"),
        ("Runtime", "deserialize_cuda_engine"),
        ("ICudaEngine", "num_io_tensors get_tensor_name get_tensor_shape get_tensor_dtype get_tensor_mode"),
        ("ICudaEngine", "create_execution_context"),
        ("IExecutionContext", "set_tensor_address execute_async_v3"),
    ],
)
def test_the_library_has_every_name_that_is_used(owner, names):
    """TensorRT 10.3, 10.16 and 11.4 have them too, by the names in their bindings; they cannot be imported here."""
    module = Api.load("rtx").module
    holder = getattr(module, owner) if owner else module
    assert [name for name in names.split() if not hasattr(holder, name)] == []


def test_calls_have_the_signatures_that_the_bindings_document():
    module = Api.load("rtx").module
    expected = {
        (module.Builder, "create_network"): r"flags: .*[iI]nt",
        (module.Builder, "build_serialized_network"): r"network: .*, config: ",
        (module.IBuilderConfig, "set_timing_cache"): r"cache: .*, ignore_mismatch: bool",
        (module.IExecutionContext, "set_tensor_address"): r"name: str, memory: .*[iI]nt",
        (module.IExecutionContext, "execute_async_v3"): r"stream_handle: .*[iI]nt",
        (module.Runtime, "deserialize_cuda_engine"): r"serialized_engine: ",
    }
    for (owner, name), signature in expected.items():
        assert re.search(signature, getattr(owner, name).__doc__), (name, getattr(owner, name).__doc__)
