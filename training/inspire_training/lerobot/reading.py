"""Reading a LeRobotDataset v3 from disk: its episodes one by one, with their images."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inspire_training.lerobot import layout
from inspire_training.lerobot.layout import LeRobotError
from inspire_training.lerobot.video import read_video


@dataclass(frozen=True)
class Episode:
    """One episode: row of meta/episodes, feature -> numbers (T, n), camera feature -> RGB uint8 (T, H, W, 3)."""

    index: int
    instruction: str
    row: dict[str, Any]
    numbers: dict[str, np.ndarray]
    images: dict[str, np.ndarray]


class Dataset:
    """A dataset's folder. Raises FileNotFoundError, LeRobotError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.info = layout.read_info(root)
        self.fps = float(self.info["fps"])
        paths = sorted((root / "meta" / "episodes").glob("*/*.parquet"))
        if not paths:
            raise LeRobotError(f"{root}: expected meta/episodes/*/*.parquet, found none; download the dataset again")
        rows = [row for path in paths for row in _table(path).to_pylist()]
        self._rows = sorted(rows, key=lambda row: int(row["episode_index"]))

    def __len__(self) -> int:
        return len(self._rows)

    def check(self, features: Sequence[str]) -> None:
        """Raises LeRobotError where the dataset lacks one of the features."""
        absent = [name for name in features if name not in self.info["features"]]
        if absent:
            raise LeRobotError(
                f"{self.root}: expected the feature {', '.join(absent)}, found {', '.join(self.info['features'])}; "
                "name the one that is meant"
            )

    def episodes(self, numbers: Sequence[str], cameras: Sequence[str]) -> Iterator[Episode]:
        """Every episode with these features, in order. Raises LeRobotError on a file that is damaged."""
        opened: tuple[Path, pa.Table] | None = None
        for row in self._rows:
            path = self.root / self.info["data_path"].format(
                chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
            )
            if opened is None or opened[0] != path:
                opened = path, _table(path)
            table = opened[1].filter(pc.equal(opened[1]["episode_index"], row["episode_index"]))
            if len(table) != row["length"]:
                raise LeRobotError(
                    f"{path}: expected {row['length']} frames of episode {row['episode_index']}, found {len(table)}; "
                    "download the dataset again"
                )
            columns = {name: np.stack([np.atleast_1d(v) for v in table[name].to_numpy()]) for name in numbers}
            images = {name: self._images(name, row, table) for name in cameras}
            yield Episode(int(row["episode_index"]), str(row["tasks"][0]), row, columns, images)

    def _images(self, camera: str, row: dict[str, Any], table: pa.Table) -> np.ndarray:
        feature = self.info["features"][camera]
        if feature["dtype"] == "image":
            return np.stack([_decoded(cell["bytes"], camera) for cell in table[camera].to_pylist()])
        path = self.root / self.info["video_path"].format(
            video_key=camera,
            chunk_index=row[f"videos/{camera}/chunk_index"],
            file_index=row[f"videos/{camera}/file_index"],
        )
        return read_video(path, float(row[f"videos/{camera}/from_timestamp"]), int(row["length"]), self.fps)


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except FileNotFoundError as error:
        raise LeRobotError(f"{path}: expected a parquet file, found none; download the dataset again") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise LeRobotError(f"{path}: expected a whole parquet file, found {error}; download it again") from error


def _decoded(content: bytes, camera: str) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, TypeError) as error:
        raise LeRobotError(f"{camera}: expected an image, found {error}; download the dataset again") from error
