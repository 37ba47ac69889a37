"""Robot meshes with a tenth of the faces, made once and cached: software rendering is bound by vertices.

Only meshes that are drawn and never collide are touched (their names say so), so physics stays robosuite's. Quadric
decimation by fast-simplification; the cache is keyed by the file's content.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

LIMIT = 600  # faces; smaller meshes stay
KEPT = 0.08  # share of the faces that stays, never fewer than LIMIT / 2


def decimate_visuals(xml: str, parts: tuple[str, ...] = ("",)) -> str:
    """The model XML with the robot's drawn meshes replaced by decimated ones.

    Args:
        parts: what the names of the meshes begin with; textured meshes must not be among them, as decimation drops
            the texture's coordinates.
    """
    root = ElementTree.fromstring(xml)
    for mesh in root.iterfind("./asset/mesh"):
        name, file = mesh.get("name", ""), mesh.get("file", "")
        if name.startswith(parts) and ("_vis" in name or "pedestal" in name) and Path(file).suffix in (".obj", ".stl"):
            mesh.set("file", str(decimated(Path(file))))
    return ElementTree.tostring(root, encoding="unicode")


def decimated(path: Path) -> Path:
    """The decimated copy of an .obj or .stl mesh, the file itself where it is small; made at first use."""
    key = hashlib.sha256(path.read_bytes() + f"{LIMIT} {KEPT}".encode()).hexdigest()[:20]
    target = _cache() / f"{key}.stl"
    if target.exists():
        return target
    points, faces = _read(path)
    if len(faces) <= LIMIT:
        return path
    import fast_simplification

    points, faces = fast_simplification.simplify(points, faces, target_count=max(LIMIT // 2, int(KEPT * len(faces))))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
        part.write(_stl(points, faces))
    os.replace(part.name, target)
    return target


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "inspire" / "meshes"


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) float32 and triangles (m, 3) int32."""
    if path.suffix == ".stl":
        raw = np.frombuffer(path.read_bytes()[84:], dtype=np.uint8).reshape(-1, 50)
        corners = raw[:, 12:48].copy().view("<f4").reshape(-1, 3)
        return _merged(corners, np.arange(len(corners)).reshape(-1, 3))
    points, faces = [], []
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            points.append([float(x) for x in rest[:3]])
        elif kind == "f":
            polygon = [int(item.split("/")[0]) - 1 for item in rest]
            faces += [[polygon[0], polygon[i], polygon[i + 1]] for i in range(1, len(polygon) - 1)]
    return _merged(np.asarray(points, dtype=np.float32), np.asarray(faces))


def _merged(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One point per place: files repeat points per face, and torn surfaces fall apart when decimated."""
    unique, index = np.unique(points, axis=0, return_inverse=True)
    return unique.astype(np.float32), index.reshape(-1)[faces].astype(np.int32)


def _stl(points: np.ndarray, faces: np.ndarray) -> bytes:
    corners = points[faces].astype("<f4")  # (m, 3, 3)
    records = np.zeros(len(faces), dtype=np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("pad", "<u2")]))
    records["normal"] = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    records["corners"] = corners
    return bytes(80) + np.uint32(len(faces)).tobytes() + records.tobytes()
