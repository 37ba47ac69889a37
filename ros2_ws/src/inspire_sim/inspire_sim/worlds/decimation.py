"""Drawn meshes with a twelfth of the faces, made once and cached: software rendering is bound by vertices.

Only meshes that are drawn and never collide are touched, and robosuite takes no mass from what is drawn, so physics
stays as it was. Quadric decimation by fast-simplification; textured meshes keep their texture (see textured_mesh). The
cache is keyed by the file's content.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from inspire_sim.worlds.mesh_files import read_points, read_textured, stl_bytes, textured_bytes
from inspire_sim.worlds.textured_mesh import decimated_textured, welded

LIMIT = 600  # faces; smaller meshes stay
KEPT = 0.08  # share of the faces that stays, never fewer than LIMIT / 2
KEPT_OF_PEDESTAL = 0.25  # with fewer the ring around the robot's base is lost
VERSION = 2  # of what is made, part of the cache's keys
ROBOT_PARTS = ("robot0_", "gripper0_", "mount0_")


def decimate_visuals(xml: str) -> str:
    """The model XML with the drawn meshes replaced by decimated ones: the robot's plain ones (by name; its masses are
    given, not computed) and the textured ones of everything that is drawn and does not collide.
    """
    root = ElementTree.fromstring(xml)
    compiler = root.find("./compiler")
    weightless = compiler is not None and compiler.get("inertiagrouprange") == "0 0"
    solid = {
        geom.get("mesh")
        for geom in root.iter("geom")
        if (geom.get("contype"), geom.get("conaffinity")) != ("0", "0") or geom.get("group", "0") == "0"
    }
    for mesh in root.iterfind("./asset/mesh"):
        name, path = mesh.get("name", ""), Path(mesh.get("file", ""))
        plain = name.startswith(ROBOT_PARTS) and ("_vis" in name or "pedestal" in name)
        textured = path.suffix == ".msh" and weightless and name not in solid
        if textured or (plain and path.suffix in (".obj", ".stl")):
            mesh.set("file", str(decimated(path)))
    return ElementTree.tostring(root, encoding="unicode")


def decimated(path: Path) -> Path:
    """The decimated copy of a mesh, the file itself where it is small; made at first use.

    Args:
        path: .obj or .stl (textures are dropped: an .stl has none), or MuJoCo's .msh with texture coordinates.
    """
    kept = KEPT_OF_PEDESTAL if "pedestal" in path.stem else KEPT
    key = hashlib.sha256(path.read_bytes() + f"{LIMIT} {kept} {VERSION}".encode()).hexdigest()[:20]
    suffix = ".msh" if path.suffix == ".msh" else ".stl"
    target = _cache() / f"{key}{suffix}"
    if target.exists():
        return target
    content = _textured(path, kept) if suffix == ".msh" else _plain(path, kept)
    if content is None:
        return path
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
        part.write(content)
    os.replace(part.name, target)
    return target


def _plain(path: Path, kept: float) -> bytes | None:
    points, faces = welded(*read_points(path))
    if len(faces) <= LIMIT:
        return None
    import fast_simplification

    return stl_bytes(*fast_simplification.simplify(points, faces, target_count=_target(faces, kept)))


def _textured(path: Path, kept: float) -> bytes | None:
    mesh = read_textured(path)
    if mesh is None or len(mesh.faces) <= LIMIT:
        return None
    return textured_bytes(decimated_textured(mesh, _target(mesh.faces, kept)))


def _target(faces: np.ndarray, kept: float) -> int:
    return max(LIMIT // 2, int(kept * len(faces)))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "inspire" / "meshes"
