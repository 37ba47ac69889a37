"""`build_engine`: what it needs, in sentences and exit codes; CUDA's absence by name."""

import sys

import pytest
import tiny_bundle

from inspire_policy.bundle import load_bundle
from inspire_policy.engines.protocol import EngineError
from inspire_policy.engines.tensorrt import command, devices
from inspire_policy.engines.tensorrt.build import build_engines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "expected a folder or a name"),
        (("{tiny}", "--compute-capability", "8.9"), "target tensorrt: expected"),
    ],
)
def test_what_cannot_be_built_is_a_sentence_and_exit_code_2(tiny, arguments, message, capsys):
    assert command.main([argument.format(tiny=tiny) for argument in arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("inspire build-engine: ") and (message in told or "tensorrt" in told)


def test_engines_for_another_device_are_built_anywhere_and_their_folder_is_told(tmp_path, capsys):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed (requirements/tensorrt.txt has it)")
    bundle = tiny_bundle.make_tiny_bundle(tmp_path / "tiny")
    assert command.main([str(bundle), "--target", "rtx", "--compute-capability", "8.9"]) == 0
    folder = capsys.readouterr().out.strip().splitlines()[-1].removeprefix("engines: ")
    assert folder == str(build_engines(load_bundle(bundle), target="rtx", device="sm_89", say=lambda _: None))


def test_cuda_that_is_missing_or_fails_is_named(monkeypatch):
    class Status(int):
        name = "cudaErrorNoDevice"

    with pytest.raises(EngineError, match="CUDA: expected success, found cudaErrorNoDevice"):
        devices.checked((Status(100), 0))
    assert devices.checked((Status(0),)) is None and devices.checked((Status(0), 2)) == 2
    assert devices.checked((Status(0), 8, 9)) == (8, 9)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(EngineError, match=r"expected the package cuda-bindings.*pip install"):
        devices.this_device()
