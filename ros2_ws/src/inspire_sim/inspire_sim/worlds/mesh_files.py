"""Mesh files as arrays: .obj and .stl without their textures, MuJoCo's .msh with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class TexturedMesh:
    """Points (n, 3), normals (n, 3) and texture coordinates (n, 2), float32, and triangles (m, 3), int32, which index
    all three alike.
    """

    points: np.ndarray
    normals: np.ndarray
    texture: np.ndarray
    faces: np.ndarray


def read_points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) float32 and triangles (m, 3) of an .obj or binary .stl file; points may repeat."""
    if path.suffix == ".stl":
        raw = np.frombuffer(path.read_bytes()[84:], dtype=np.uint8).reshape(-1, 50)
        corners = raw[:, 12:48].copy().view("<f4").reshape(-1, 3)
        return corners, np.arange(len(corners)).reshape(-1, 3)
    points, faces = [], []
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            points.append([float(x) for x in rest[:3]])
        elif kind == "f":
            polygon = [int(item.split("/")[0]) - 1 for item in rest]
            faces += [[polygon[0], polygon[i], polygon[i + 1]] for i in range(1, len(polygon) - 1)]
    return np.asarray(points, dtype=np.float32), np.asarray(faces)


def stl_bytes(points: np.ndarray, faces: np.ndarray) -> bytes:
    """A binary .stl file."""
    corners = points[faces].astype("<f4")  # (m, 3, 3)
    records = np.zeros(len(faces), dtype=np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("pad", "<u2")]))
    records["normal"] = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    records["corners"] = corners
    return bytes(80) + np.uint32(len(faces)).tobytes() + records.tobytes()


def read_textured(path: Path) -> TexturedMesh | None:
    """A .msh file: four counts (int32), then points, normals, texture coordinates (float32), triangles (int32).

    None where it has no normals or texture coordinates.
    """
    content = path.read_bytes()
    points, normals, texture, faces = (int(count) for count in np.frombuffer(content, "<i4", 4))
    if not points == normals == texture:
        return None
    numbers = np.frombuffer(content, "<f4", 8 * points, 16)
    return TexturedMesh(
        numbers[: 3 * points].reshape(-1, 3),
        numbers[3 * points : 6 * points].reshape(-1, 3),
        numbers[6 * points :].reshape(-1, 2),
        np.frombuffer(content, "<i4", 3 * faces, 16 + 32 * points).reshape(-1, 3),
    )


def textured_bytes(mesh: TexturedMesh) -> bytes:
    """A .msh file."""
    count = len(mesh.points)
    head = np.array([count, count, count, len(mesh.faces)], dtype="<i4").tobytes()
    arrays = (mesh.points, mesh.normals, mesh.texture)
    return head + b"".join(a.astype("<f4").tobytes() for a in arrays) + mesh.faces.astype("<i4").tobytes()
