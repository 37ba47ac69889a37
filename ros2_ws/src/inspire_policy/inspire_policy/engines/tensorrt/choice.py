"""The engines of a bundle that fit this machine, found by their key and opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inspire_policy.engines.fixed_rows import FixedRows
from inspire_policy.engines.protocol import Engine
from inspire_policy.engines.tensorrt import store
from inspire_policy.engines.tensorrt.api import Api
from inspire_policy.engines.tensorrt.devices import this_device


def open_engines(target: str, graphs: Mapping[str, Path]) -> Engine:
    """The engines of this target, library version and device.

    Args:
        target: of TARGETS. graphs: graph name -> ONNX file; the engines lie beside them.

    Raises:
        EngineError: library, driver, device or fitting engines missing; what is there instead is named.
    """
    from inspire_policy.engines.tensorrt.engine import TensorRtEngine

    api, device = Api.load(target), this_device()
    folder, record = store.find_engines(
        graphs, onnx=store.onnx_hashes(graphs), target=target, version=api.version, device=device
    )
    return FixedRows(TensorRtEngine.open(folder, api), record.key.rows)
