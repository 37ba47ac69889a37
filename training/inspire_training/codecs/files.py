"""codec.npz on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a codec.npz. Raises FileNotFoundError."""
    if not path.is_file():
        raise FileNotFoundError(f"codec: expected the file {path}, found none; run `inspire codec --out {path}`")
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a codec.npz, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial.{os.getpid()}.npz")
    np.savez(partial, **dict[str, Any](arrays))
    os.replace(partial, path)
