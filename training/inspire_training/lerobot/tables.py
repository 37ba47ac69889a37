"""The parquet files of a dataset, written by pyarrow with the types that lerobot reads them by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from inspire_training.lerobot import layout

_NUMBERS = {"float32": pa.float32(), "float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class EpisodeRow:
    """One episode: instruction, frames, index of its first frame, number of its data file, per camera where its video
    is, and the JSON of its facts.
    """

    instruction: str
    length: int
    first: int
    file: int
    videos: Mapping[str, Mapping[str, float]]
    facts: str


class DataWriter:
    """Frames in files of limited size."""

    def __init__(self, root: Path, features: Mapping[str, Any]) -> None:
        self._root = root
        self._features = {name: f for name, f in features.items() if f["dtype"] != "video"}
        self._schema = pa.schema([(name, _type(feature)) for name, feature in self._features.items()])
        self._number = -1
        self._bytes = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, columns: Mapping[str, np.ndarray], images: Mapping[str, list[bytes]]) -> int:
        """Append the frames of an episode; returns the number of the file that they are in."""
        arrays = []
        for name, feature in self._features.items():
            if feature["dtype"] == "image":
                cells = [{"bytes": content, "path": None} for content in images[name]]
                arrays.append(pa.array(cells, type=_IMAGE))
                continue
            values = np.ascontiguousarray(columns[name]).astype(feature["dtype"])
            flat = pa.array(values.reshape(-1), type=_NUMBERS[feature["dtype"]])
            width = feature["shape"][0]
            arrays.append(flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, width))
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        if self._writer is None or self._bytes + table.nbytes > layout.DATA_MEGABYTES * 1e6:
            self.close()
            self._number += 1
            path = self._root / layout.DATA.format(**layout.place(self._number))
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer, self._bytes = pq.ParquetWriter(path, self._schema, compression="snappy"), 0
        self._writer.write_table(table)
        self._bytes += table.nbytes
        return self._number

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def write_tasks(root: Path, tasks: Mapping[str, int]) -> None:
    """meta/tasks.parquet; the instruction is the index that pandas restores."""
    table = pa.table({"task_index": pa.array(tasks.values(), pa.int64()), "task": pa.array(tasks, pa.string())})

    def column(name: str, pandas_type: str, numpy_type: str) -> dict[str, Any]:
        described = {"name": name, "field_name": name, "pandas_type": pandas_type, "numpy_type": numpy_type}
        return {**described, "metadata": None}

    names = {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [names],
        "columns": [column("task_index", "int64", "int64"), column("task", "unicode", "object")],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    path = root / layout.TASKS
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(pandas)}), path)


def write_episodes(root: Path, rows: Sequence[EpisodeRow]) -> None:
    """meta/episodes, one file."""
    columns: dict[str, list[Any]] = {
        "episode_index": list(range(len(rows))),
        "tasks": [[row.instruction] for row in rows],
        "length": [row.length for row in rows],
        "dataset_from_index": [row.first for row in rows],
        "dataset_to_index": [row.first + row.length for row in rows],
        "data/chunk_index": [layout.place(row.file)["chunk_index"] for row in rows],
        "data/file_index": [layout.place(row.file)["file_index"] for row in rows],
    }
    for camera in rows[0].videos:
        for name in ("chunk_index", "file_index", "from_timestamp", "to_timestamp"):
            columns[f"videos/{camera}/{name}"] = [row.videos[camera][name] for row in rows]
    columns |= {"meta/episodes/chunk_index": [0] * len(rows), "meta/episodes/file_index": [0] * len(rows)}
    columns[layout.FACTS] = [row.facts for row in rows]
    path = root / layout.EPISODES.format(**layout.place(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def _type(feature: Mapping[str, Any]) -> pa.DataType:
    if feature["dtype"] == "image":
        return _IMAGE
    number = _NUMBERS[feature["dtype"]]
    return number if feature["shape"] == [1] else pa.list_(number, feature["shape"][0])
