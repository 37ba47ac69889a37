"""Fast rendering against robosuite's own: the same scene in the same state must look the same, texture by texture.

Edges differ, as only robosuite's are smoothed by multisampling, so that what is compared first are means over blocks of
4 x 4 px. Measured: at most 5 of 1024 blocks differ by more than 32 of 255, and 16 or more where a mesh is missing. That
the bounds are tight enough to see such a thing is tested too. No light of these scenes casts a shadow, so that none is
missed.
"""

import gc

import mujoco
import numpy as np
import pytest

from inspire_policy.action import osc_from_lead
from inspire_sim import render_benchmark
from inspire_sim.expert import Expert
from inspire_sim.worlds import mesh_files, textured_mesh
from inspire_sim.worlds.registry import make_world

MEAN = 5.0  # grey levels, of all pixels
FAR = 32.0  # grey levels, of a block's mean
FAR_SHARE = 0.008  # of the blocks
SCENES = [("tabletop", "milk_bin", 30), ("libero_object", "0", 40), ("libero_10", "3", 20)]


class Pair:
    """The same world twice, driven by the expert into the same state: drawn by robosuite (`images`), and by us."""

    def __init__(self, name, task, steps):
        self.stock, self.fast = (make_world(name, stock_rendering=stock) for stock in (True, False))
        expert = Expert(self.stock.contract)
        for world in (self.stock, self.fast):
            world.reset(0, task=task)
        for _ in range(steps):
            action = osc_from_lead(expert.act(self.stock.truth()), self.stock.contract)
            self.stock.step(action)
            self.fast.step(action)
        self.images = self.stock.observe().images
        self.model = self.fast._env.sim.model

    def drawn(self, mesh):
        """Ids of the drawn geometry whose mesh's name holds this text."""
        names = {i for i in range(self.model.nmesh) if mesh in self.model.mesh_id2name(i)}
        is_mesh = self.model.geom_type == int(mujoco.mjtGeom.mjGEOM_MESH)
        return np.flatnonzero(is_mesh & np.isin(self.model.geom_dataid, list(names)) & (self.model.geom_group == 1))

    def close(self):
        self.stock.close()
        self.fast.close()


@pytest.fixture(scope="module", params=SCENES, ids=[scene[0] for scene in SCENES])
def pair(request):
    if request.param[0] != "tabletop":
        request.getfixturevalue("libero_assets")
    pair = Pair(*request.param)
    yield pair
    pair.close()


def unlike(expected, found):
    """Camera -> mean difference of the pixels, and share of the blocks that differ by more than FAR."""
    result = {}
    for camera, image in expected.items():
        difference = image.astype(float) - found[camera]
        blocks = np.abs(difference.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))).max(axis=-1)
        result[camera] = (float(np.abs(difference).mean()), float((blocks > FAR).mean()))
    return result


def looks_alike(expected, found):
    return all(mean <= MEAN and share <= FAR_SHARE for mean, share in unlike(expected, found).values())


def test_the_fast_images_are_robosuites(pair):
    stock, fast = pair.stock._env.sim, pair.fast._env.sim
    assert np.array_equal(stock.data.qpos, fast.data.qpos), "what is drawn must not change how it moves"
    for weights in ("body_mass", "body_inertia", "body_ipos"):
        assert np.array_equal(getattr(stock.model, weights), getattr(fast.model, weights))
    assert np.sum(fast.model.mesh_facenum) < np.sum(stock.model.mesh_facenum) / 2
    assert stock.model.vis.quality.offsamples > 0
    assert looks_alike(pair.images, pair.fast.observe().images), unlike(pair.images, pair.fast.observe().images)


def test_a_missing_mesh_would_be_noticed(pair):
    hand = pair.drawn("hand_vis")
    assert len(hand)
    pair.model.geom_group[hand] = 3  # never drawn
    try:
        assert not looks_alike(pair.images, pair.fast.observe().images)
    finally:
        pair.model.geom_group[hand] = 1


def test_objects_show_their_textures(pair):
    """Where a texture changes what is seen at all, the image is far nearer to robosuite's with it than without."""
    textured = pair.fast.observe().images
    geoms = pair.drawn("")
    geoms = geoms[(pair.model.mat_texid[pair.model.geom_matid[geoms]] >= 0).any(axis=1)]
    kept = np.array(pair.model.geom_matid[geoms])
    pair.model.geom_matid[geoms] = -1
    try:
        plain = pair.fast.observe().images
    finally:
        pair.model.geom_matid[geoms] = kept
    with_, without = [], []
    for camera, expected in pair.images.items():
        shown = np.abs(textured[camera].astype(float) - plain[camera]).max(axis=-1) > 24
        with_.append(np.abs(expected[shown].astype(float) - textured[camera][shown]).mean(axis=-1))
        without.append(np.abs(expected[shown].astype(float) - plain[camera][shown]).mean(axis=-1))
    assert len(np.concatenate(with_)) > 100
    assert np.concatenate(with_).mean() < 0.3 * np.concatenate(without).mean()


def test_a_torn_mesh_would_be_noticed(tmp_path, monkeypatch):
    import fast_simplification

    def torn(points, faces, **options):
        points, faces = whole(points, faces, **options)
        return points, faces[::2]

    whole = fast_simplification.simplify
    monkeypatch.setattr(fast_simplification, "simplify", torn)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pair = Pair(*SCENES[0])
    try:
        assert not looks_alike(pair.images, pair.fast.observe().images)
    finally:
        pair.close()


def test_closing_a_world_leaves_the_images_of_another_alone():
    first, second = make_world("tabletop", image_size=64), make_world("tabletop", image_size=64)
    second.reset(0)
    before = second.observe().images
    first.close()
    del first
    gc.collect()
    after = second.observe().images
    second.close()
    assert all(np.array_equal(before[camera], after[camera]) for camera in before)


def globe(rings=60, sectors=120):
    """A sphere whose texture is one chart that meets itself, as .msh files hold it: three points per triangle."""
    angles = np.stack(np.meshgrid(np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, sectors + 1)), axis=-1)
    corner = lambda i, j: angles[j, i]  # noqa: E731
    squares = [(i, j) for i in range(rings) for j in range(sectors)]
    triangles = [[corner(i, j), corner(i + 1, j), corner(i + 1, j + 1)] for i, j in squares if i < rings - 1]
    triangles += [[corner(i, j), corner(i + 1, j + 1), corner(i, j + 1)] for i, j in squares if i > 0]
    polar, around = np.array(triangles).reshape(-1, 2).T
    around_of_point = around % (2 * np.pi)  # the same place to the bit on both sides of the seam
    points = np.stack(
        [np.sin(polar) * np.cos(around_of_point), np.sin(polar) * np.sin(around_of_point), np.cos(polar)], axis=1
    )
    texture = np.stack([around / (2 * np.pi), polar / np.pi], axis=1)
    points[np.abs(points) < 1e-12] = 0.0
    count = len(points)
    arrays = (a.astype(np.float32) for a in (points, points, texture))
    return mesh_files.TexturedMesh(*arrays, np.arange(count).reshape(-1, 3))


def test_decimation_keeps_texture_skin_and_sides():
    mesh = globe()
    small = textured_mesh.decimated_textured(mesh, 800)
    assert 400 < len(small.faces) < 1000
    _, faces = textured_mesh.welded(small.points, small.faces)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all(), "a closed skin has two triangles at every edge"
    corners = small.points[small.faces]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("fd,fd->f", outward, corners.mean(axis=1)) > 0).all()
    assert np.einsum("nd,nd->n", small.normals, small.points).min() > 0.9
    x, y, z = (small.points / np.linalg.norm(small.points, axis=1, keepdims=True)).T
    expected = np.stack([np.arctan2(y, x) % (2 * np.pi) / (2 * np.pi), np.arccos(z) / np.pi], axis=1)
    error = np.abs(small.texture - expected)
    near_seam = (np.abs(y) < 0.3) & (x > 0)  # there a corner may rightly be 0 or 1, or be kept inside its chart
    near_pole = np.abs(z) > 0.95
    assert error[:, 1].max() < 0.02
    assert error[~near_seam & ~near_pole, 0].max() < 0.02
    spans = np.ptp(small.texture[small.faces][..., 0], axis=1)
    assert spans[~near_pole[small.faces].any(axis=1)].max() < 0.3, "no triangle shows the whole image across the seam"


def test_textured_files_are_read_as_they_were_written(tmp_path):
    mesh = globe(6, 8)
    path = tmp_path / "globe.msh"
    path.write_bytes(mesh_files.textured_bytes(mesh))
    again = mesh_files.read_textured(path)
    for name in ("points", "normals", "texture", "faces"):
        assert np.array_equal(getattr(mesh, name), getattr(again, name))
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><asset><mesh name="m" file="{path}"/></asset>'
        '<worldbody><geom type="mesh" mesh="m"/></worldbody></mujoco>'
    )
    assert (model.nmeshface, model.nmeshtexcoord) == (len(mesh.faces), len(mesh.texture))


def test_the_benchmark_compares_both(capsys):
    assert render_benchmark.main(["tabletop", "--image-size", "32", "--rounds", "2"]) == 0
    name, stock, _, fast, _, gain = capsys.readouterr().out.splitlines()[-1].split()
    assert name == "tabletop" and float(gain.rstrip("x")) == pytest.approx(float(stock) / float(fast), rel=0.1)
    assert render_benchmark.main(["kitchen"]) == 2
    assert "expected one of tabletop" in capsys.readouterr().err
