import pytest

from inspire_policy.engines.distributions import require_one_onnxruntime
from inspire_policy.engines.protocol import EngineError


def test_this_environment_holds_exactly_one():
    assert require_one_onnxruntime() in ("onnxruntime", "onnxruntime-gpu")


def test_both_at_once_are_refused_with_the_way_out():
    with pytest.raises(EngineError, match="pip uninstall -y onnxruntime onnxruntime-gpu"):
        require_one_onnxruntime(("onnxruntime", "onnxruntime-gpu"))


def test_none_is_refused_with_what_to_install():
    with pytest.raises(EngineError, match="found none; pip install onnxruntime"):
        require_one_onnxruntime(())
