"""Bundles: what is written can be loaded, what is damaged is refused with a message that helps."""

from __future__ import annotations

import dataclasses
import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_bundle

from inspire_policy import bundle as bundles
from inspire_policy.bundle import BundleError, find_bundle, load_bundle, read_manifest, write_bundle
from inspire_policy.engines.protocol import EngineError, make_engine
from inspire_policy.parity import ParitySample, parity_bytes, warm_up
from inspire_policy.programs.base import Job, graph_files, make_program


@pytest.fixture
def copy(tiny, tmp_path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def change_manifest(folder: Path, **changes) -> None:
    place = folder / "policy.json"
    data = json.loads(place.read_text())
    for dotted, value in changes.items():
        target = data
        *path, last = dotted.split("__")
        for key in path:
            target = target[key]
        if value is None:
            del target[last]
        else:
            target[last] = value
    place.write_text(json.dumps(data))


def test_written_bundle_loads_with_everything_it_was_given(tiny):
    bundle = load_bundle(tiny)
    assert bundle.manifest.name == "tiny" and bundle.manifest.bodies == ("tabletop",)
    assert list(bundle.manifest.cameras) == list(tiny_bundle.CAMERAS)
    assert set(bundle.manifest.files) == {"tokenizer.json", "perception.onnx", "decoder.onnx", "head.onnx"}
    assert bundle.manifest.observation_age_limit_s == pytest.approx(8 / 20 + 0.1)


def test_truncated_file_is_refused(copy):
    place = copy / "decoder.onnx"
    place.write_bytes(place.read_bytes()[:-100])
    with pytest.raises(BundleError, match=r"expected \d+ bytes in decoder.onnx, found \d+ \(truncated"):
        load_bundle(copy)


def test_tampered_file_is_refused(copy):
    place = copy / "perception.onnx"
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(bytes(content))
    with pytest.raises(BundleError, match="expected sha256 .* of perception.onnx, found .* restore the folder"):
        load_bundle(copy)


def test_missing_file_and_missing_folder_are_refused(copy):
    (copy / "head.onnx").unlink()
    with pytest.raises(BundleError, match="expected the file head.onnx, found none"):
        load_bundle(copy)
    with pytest.raises(BundleError, match="expected a folder, found none"):
        load_bundle(copy / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "expected schema_version 1, found 2"),
        ({"program__kind": "diffusion"}, "expected kind one of autoregressive, expert, found 'diffusion'"),
        ({"program__sequence_style": "fancy"}, "expected sequence_style one of compact, .* found 'fancy'"),
        ({"program__action_codec": "fancy"}, "expected action_codec one of .*, found 'fancy'"),
        ({"chunk_length": "8"}, "policy.json.chunk_length: expected int, found '8'"),
        ({"horizon": 9}, "1 <= horizon <= chunk_length"),
        ({"contract__lead_gain": -1.0}, "expected lead_gain > 0"),
        ({"surprise": 1}, "found also surprise"),
        ({"words": None}, "expected the field words, found none"),
        ({"words__token_ids__up": 0}, "expected token id 0 for 'up'"),
        ({"cameras__wrist__flip": "sideways"}, "expected flip one of"),
        ({"files__head.onnx": None}, "expected a checksum of head.onnx"),
        ({"files__../evil": {"sha256": "0", "bytes": 1}}, "expected plain file names"),
    ],
)
def test_wrong_manifest_is_refused(copy, changes, message):
    change_manifest(copy, **changes)
    with pytest.raises(BundleError, match=message):
        load_bundle(copy)


def test_broken_json_is_refused(copy):
    (copy / "policy.json").write_text('{"schema_version": 1,')
    with pytest.raises(BundleError, match="expected JSON in policy.json"):
        load_bundle(copy)


def test_body_that_does_not_match_is_refused(tiny):
    bundle = load_bundle(tiny)
    bundle.check_body("tabletop")
    with pytest.raises(BundleError, match="expected a body among tabletop, found 'libero_object'"):
        bundle.check_body("libero_object")


def test_full_disk_leaves_the_old_bundle_and_nothing_else(copy, monkeypatch):
    manifest = read_manifest(copy)
    before = sorted(place.name for place in copy.parent.iterdir())

    def full(place):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundles, "sha256", full)
    with pytest.raises(BundleError, match="cannot write: .*No space left on device; free some space"):
        write_bundle(copy, manifest, {name: copy / name for name in manifest.files})
    monkeypatch.undo()
    assert sorted(place.name for place in copy.parent.iterdir()) == before
    load_bundle(copy)


def test_writing_replaces_the_whole_bundle(copy):
    (copy / "leftover.bin").write_bytes(b"old")
    manifest = dataclasses.replace(read_manifest(copy), name="newer")
    write_bundle(copy, manifest, {name: copy / name for name in manifest.files})
    assert load_bundle(copy).manifest.name == "newer" and not (copy / "leftover.bin").exists()


def test_bundle_is_found_by_name_or_path(tiny, monkeypatch):
    monkeypatch.setenv("INSPIRE_BUNDLES", str(tiny.parent))
    assert find_bundle("tiny") == tiny == find_bundle(tiny)
    with pytest.raises(BundleError, match="a name among: .*tiny.*; found 'no_such'"):
        find_bundle("no_such")
    with pytest.raises(BundleError, match="expected a folder with policy.json"):
        find_bundle(tiny.parent)


def test_parity_sample_is_checked_on_the_engine(tiny, tmp_path, observation):
    bundle = load_bundle(tiny)
    program = make_program(bundle, make_engine("onnxruntime", graph_files(bundle)))
    assert warm_up(bundle, program) == 0
    objects = ("milk", "bin")
    good = ParitySample.of(Job(observation, tiny_bundle.INSTRUCTION, objects), program)
    bad = dataclasses.replace(good, rows=good.rows + np.float32(0.01))
    for sample, fits in ((good, True), (bad, False)):
        path = tiny_bundle.make_tiny_bundle(tmp_path / f"parity_{fits}", extra={"parity.npz": parity_bytes([sample])})
        checked = load_bundle(path)
        again = make_program(checked, make_engine("onnxruntime", graph_files(checked)))
        if fits:
            assert warm_up(checked, again) == 1
        else:
            with pytest.raises(BundleError, match="parity sample 0: .* found .* 0.01"):
                warm_up(checked, again)


def test_unknown_engine_and_broken_graph_are_refused(tmp_path):
    with pytest.raises(EngineError, match="expected one of onnxruntime, .*found 'abacus'"):
        make_engine("abacus", {})
    broken = tmp_path / "decoder.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(EngineError, match="expected a graph that ONNX Runtime loads"):
        make_engine("onnxruntime", {"decoder": broken})
