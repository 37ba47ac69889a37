"""What a manifest and a bundle may not say, by name, with what was expected; and an engine asked wrongly."""

import copy
import json

import numpy as np
import pytest

from inspire_policy.bundle import MANIFEST, BundleError, find_bundle, load_bundle, read_manifest, write_bundle
from inspire_policy.engines.protocol import EngineError, make_engine
from inspire_policy.manifest import Manifest
from inspire_policy.programs.base import graph_files
from inspire_policy.schema import SchemaError, read


def changed(data, place, value):
    """A copy with another value at a place such as "program.decoder.layers"."""
    told = copy.deepcopy(data)
    *path, name = place.split(".")
    inner = told
    for part in path:
        inner = inner[part]
    inner[name] = value
    return told


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("cameras", {}, "expected at least one camera, found none"),
        ("bodies", [], "expected at least one body, found none"),
        ("bodies", "tabletop", "expected a list, found str"),
        ("cameras", ["wrist"], "expected an object, found list"),
        ("contract", 3, "contract: expected an object, found int"),
        ("horizon", 0, "expected 1 <= horizon <= chunk_length"),
        ("words.token_ids", {"left": 3}, "expected a token id for each of"),
        ("surprise", 1, "found also surprise"),
        ("name", 7, "found"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused_with_its_place(tiny, place, value, message):
    data = json.loads((tiny / MANIFEST).read_text())
    assert read(Manifest, data, "policy.json").name == "tiny"
    with pytest.raises(SchemaError, match="^policy.json") as refused:
        read(Manifest, changed(data, place, value), "policy.json")
    assert message in str(refused.value)


def test_a_field_that_is_left_out_is_named(tiny):
    data = json.loads((tiny / MANIFEST).read_text())
    del data["contract"]
    with pytest.raises(SchemaError, match="policy.json: expected the field contract, found none"):
        read(Manifest, data, "policy.json")


def test_a_folder_that_is_no_bundle_and_files_that_are_missing_are_named(tiny, tmp_path):
    with pytest.raises(BundleError, match="bundle: expected a folder, found none"):
        load_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="found none"):
        read_manifest(tmp_path)
    with pytest.raises(BundleError, match="expected the files .*missing"):
        write_bundle(tmp_path / "new", read_manifest(tiny), {})
    assert not (tmp_path / "new").exists()


def test_an_engine_asked_without_or_with_wrong_inputs_says_so(tiny):
    engine = make_engine("onnxruntime", graph_files(load_bundle(find_bundle(tiny))))
    with pytest.raises(EngineError, match="expected inputs .* of decoder, missing"):
        engine.run("decoder", {})
    with pytest.raises(EngineError, match="engine: decoder failed"):
        engine.run("decoder", {name: np.zeros(1, dtype=np.int8) for name in engine.inputs("decoder")})
