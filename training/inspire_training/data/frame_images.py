"""The images of a file of frames, read one by one, so that memory holds no more than a batch, however large the data.

Nothing stays open or mapped: a training set may have thousands of files, and one that is cut off or unreadable in the
middle of a run is an error for its frames, not a signal that ends the process.
"""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path

import numpy as np

from inspire_training.data.damage import DamagedFile, DamagedFrame


class FrameImages:
    """Images uint8 (H, W, 3) by index. `shape`: (F, H, W, 3)."""

    def __init__(self, path: Path, shape: tuple[int, int, int, int], sums: np.ndarray | None) -> None:
        """sums: CRC-32 of each image, None where nobody noted them. Raises OSError or DamagedFile."""
        self.shape = shape
        self._path, self._bytes, self._sums = path, math.prod(shape[1:]), sums
        found = path.stat().st_size
        if found != shape[0] * self._bytes or (sums is not None and len(sums) != shape[0]):
            raise DamagedFile(
                f"frames: expected {shape[0]} images of {self._bytes} bytes in {path}, found {found} bytes"
            )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> np.ndarray:
        """One image, (H, W, 3). Raises IndexError or DamagedFrame."""
        if not 0 <= index < self.shape[0]:
            raise IndexError(f"frames: expected an index 0..{self.shape[0] - 1}, found {index}")
        try:
            handle = os.open(self._path, os.O_RDONLY)
            try:
                content = os.pread(handle, self._bytes, int(index) * self._bytes)
            finally:
                os.close(handle)
        except OSError as error:
            raise DamagedFrame(f"{self._path}: {error}") from error
        if len(content) != self._bytes or (self._sums is not None and zlib.crc32(content) != self._sums[index]):
            raise DamagedFrame(f"{self._path}: expected image {index} as it was written, found it cut off or changed")
        return np.frombuffer(content, dtype=np.uint8).reshape(self.shape[1:])
