"""Where engines lie and which of them fit: `<bundle>/engines/<key>/`, the key a hash of everything they depend on.

Engine files are not deterministic, so it is the key that says whether an engine belongs to a graph, a configuration, a
library and a device, and the record's checksums that say whether it is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inspire_policy.bundle import sha256
from inspire_policy.engines.protocol import EngineError
from inspire_policy.schema import SchemaError, plain, read

FOLDER = "engines"
RECORD = "record.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class EngineKey:
    """What an engine depends on.

    Attributes:
        onnx: graph -> SHA-256 of its ONNX file. rows: decoder row counts. target: of TARGETS. version: of the library.
        device: "sm_89", the compute capability it was built for.
    """

    onnx: Mapping[str, str]
    rows: tuple[int, ...]
    target: str
    version: str
    device: str

    @property
    def name(self) -> str:
        """A folder's name."""
        text = json.dumps(plain(self), sort_keys=True)
        return f"{self.target}-{self.device}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, kw_only=True)
class GraphRecord:
    """One engine file: SHA-256, size, and how long it was built, s."""

    sha256: str
    bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """What is kept beside engines.

    Attributes:
        graphs: graph -> its file's record. parity: {"samples", "largest_difference", "tolerance"}, or {"not_run": why}
            where it was built without its device; the policy node compares once more before it is used.
    """

    key: EngineKey
    graphs: Mapping[str, GraphRecord]
    parity: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


def onnx_hashes(graphs: Mapping[str, Path]) -> dict[str, str]:
    """Graph -> SHA-256 of its ONNX file."""
    return {name: sha256(path) for name, path in sorted(graphs.items())}


def engines_folder(graphs: Mapping[str, Path]) -> Path:
    """The folder of all engines of a bundle, beside its graphs."""
    return next(iter(graphs.values())).parent / FOLDER


def read_record(folder: Path) -> EngineRecord:
    """The record of one folder of engines, with every file checked. Raises EngineError."""
    place = folder / RECORD
    try:
        record = read(EngineRecord, json.loads(place.read_text(encoding="utf-8")), RECORD)
    except (OSError, ValueError, SchemaError) as error:
        raise EngineError(f"engines {folder.name}: expected a record, found: {error}; build them again") from error
    for name, graph in record.graphs.items():
        file = folder / f"{name}.engine"
        if not file.is_file() or file.stat().st_size != graph.bytes or sha256(file) != graph.sha256:
            raise EngineError(
                f"engines {folder.name}: expected {file.name} as recorded, found it changed or missing; "
                "remove the folder and build again"
            )
    return record


def write_record(folder: Path, record: EngineRecord) -> None:
    """Write a record."""
    (folder / RECORD).write_text(json.dumps(plain(record), indent=1) + "\n", encoding="utf-8")


def find_engines(
    graphs: Mapping[str, Path], *, onnx: Mapping[str, str], target: str, version: str, device: str
) -> tuple[Path, EngineRecord]:
    """The folder and the record of the engines that fit. Raises EngineError that says what is there instead."""
    folder = engines_folder(graphs)
    found = []
    for place in sorted(folder.glob(f"*/{RECORD}")):
        try:
            record = read_record(place.parent)
        except EngineError as error:
            found.append(str(error))
            continue
        key, differences = record.key, []
        for what, is_, should in (
            ("target", key.target, target),
            ("version", key.version, version),
            ("device", key.device, device),
            ("graphs", dict(key.onnx), dict(onnx)),
        ):
            if is_ != should:
                differences.append(f"other {what}" if what == "graphs" else f"{what} {is_}")
        if not differences:
            return place.parent, record
        found.append(f"{place.parent.name} ({', '.join(differences)})")
    raise EngineError(
        f"engine: expected {target} {version} engines for {device} in {folder}, found {'; '.join(found) or 'none'}; "
        f"run `inspire build-engine {folder.parent}`, or set the parameter engine to onnxruntime"
    )
