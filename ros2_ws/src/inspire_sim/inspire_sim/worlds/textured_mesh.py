"""Decimation that keeps the texture: the shape is simplified as one skin, then its texture is looked up again.

Texture coordinates are not simplified along: an image is laid on in charts, and where two charts meet each point has
two coordinates, so that a simplifier that moved them too would tear the skin there. Each new triangle takes the chart
of the old surface under its middle, and each of its corners the coordinate and the normal of the nearest old point of
that chart. A triangle that reaches across a chart's edge shows the edge there. A chart may meet itself, as a can's
label does: no corner is looked up farther from the middle's coordinate than the triangle is long.
"""

from __future__ import annotations

import numpy as np

from inspire_sim.worlds.mesh_files import TexturedMesh

SAMPLES = 150_000  # points on the old surface: one per half pixel of an object that fills the image
TURN = 0.1  # of the mesh's size: how far away a point counts whose normal is one unit vector off


def welded(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One point per place: files repeat points per face, and torn surfaces fall apart when decimated."""
    unique, index = np.unique(points, axis=0, return_inverse=True)
    return unique.astype(np.float32), index.reshape(-1)[faces].astype(np.int32)


def decimated_textured(mesh: TexturedMesh, target: int) -> TexturedMesh:
    """The mesh with about `target` triangles, its texture where it was. The same mesh gives the same result."""
    import fast_simplification
    from scipy.spatial import cKDTree

    points, faces = fast_simplification.simplify(*welded(mesh.points, mesh.faces), target_count=target)
    corners = points[faces].astype(np.float64)  # (m, 3 corners, 3)
    size = float(np.linalg.norm(np.ptp(mesh.points, axis=0)))
    places, normals, texture, triangles = _samples(mesh)
    charts, density = _charts(mesh)[triangles], _density(mesh)[triangles]
    facing = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    # Both sides of a thin wall are near; only one of them looks the same way.
    keys = np.hstack([places / size, TURN * normals])
    _, nearest = cKDTree(keys).query(np.hstack([corners.mean(axis=1) / size, TURN * facing]))
    chart = charts[nearest]
    found = np.empty(corners.shape[:2], dtype=np.int64)
    wanted = np.concatenate([corners / size, np.repeat(TURN * facing[:, None], 3, axis=1)], axis=-1)

    def look_up(mine: np.ndarray, among: np.ndarray) -> None:
        found[mine] = among[cKDTree(keys[among]).query(wanted[mine])[1]]

    for number in np.unique(chart):
        look_up(np.flatnonzero(chart == number), np.flatnonzero(charts == number))
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(axis=1)
    middle, reach = texture[nearest], 1.5 * longest * density[nearest]
    across = np.abs(texture[found] - middle[:, None]).max(axis=(1, 2)) > reach
    for triangle in np.flatnonzero(across):
        near = np.abs(texture - middle[triangle]).max(axis=1) <= reach[triangle]
        look_up(np.array([triangle]), np.flatnonzero(near & (charts == chart[triangle])))
    count = 3 * len(faces)
    return TexturedMesh(
        corners.reshape(count, 3), normals[found.ravel()], texture[found.ravel()], np.arange(count).reshape(-1, 3)
    )


def _samples(mesh: TexturedMesh) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points all over a surface: places (k, 3), unit normals (k, 3), texture coordinates (k, 2), triangles (k,).

    Every corner of every triangle, and more in proportion to the area.
    """
    corners = mesh.points[mesh.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rng = np.random.default_rng(0)
    inside = rng.choice(len(area), SAMPLES, p=area / area.sum())
    weights = np.concatenate([np.tile(np.eye(3), (len(area), 1)), rng.dirichlet(np.ones(3), SAMPLES)])
    triangles = np.concatenate([np.repeat(np.arange(len(area)), 3), inside])

    def blend(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("kc,kcd->kd", weights, values[mesh.faces[triangles]].astype(np.float64)))

    return blend(mesh.points), _unit(blend(mesh.normals)), blend(mesh.texture), triangles


def _density(mesh: TexturedMesh) -> np.ndarray:
    """How far the texture runs along a triangle's edge of length 1, at most, (m,)."""
    length, run = (
        np.linalg.norm(v[mesh.faces] - np.roll(v[mesh.faces], 1, axis=1), axis=-1) for v in (mesh.points, mesh.texture)
    )
    return np.asarray((run / np.maximum(length, 1e-12)).max(axis=1))


def _charts(mesh: TexturedMesh) -> np.ndarray:
    """Number of the chart of each triangle, (m,): triangles that share corners in place and in the texture."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, joined = np.unique(np.hstack([mesh.points, mesh.texture]), axis=0, return_inverse=True)
    faces = joined.reshape(-1)[mesh.faces]
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    shape = (len(mesh.points),) * 2
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=shape)
    return np.asarray(connected_components(graph, directed=False)[1][faces[:, 0]])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
