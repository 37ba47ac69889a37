"""Offscreen images of a robosuite simulation, fast in software: no mirror pass, no shadows, no multisampling.

Software rendering is bound by passes and vertices, not by pixels: a stock robosuite scene at 2 x 128 px takes 160 ms,
without the mirror pass 60, without multisampling and shadows as well 30, with decimated meshes 12. Images come
bottom-up from OpenGL and leave here upright. The decoder of segmentation images is this module's own: robosuite 1.4's
overflows uint8 with NumPy 2.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

os.environ.setdefault("MUJOCO_GL", "osmesa")  # before the first import of mujoco anywhere
if os.environ["MUJOCO_GL"] == "osmesa":
    os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")
    os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa's threads cost more than they give at this size


def fast_rendering(sim: Any) -> None:
    """Switch a simulation's offscreen context to the fast path. To be called again after a hard reset, which makes a
    new context.

    Args:
        sim: robosuite MjSim with an offscreen context (`has_offscreen_renderer=True`).
    """
    import mujoco

    context = sim._render_context_offscreen
    if sim.model.vis.quality.offsamples != 0:  # read once, when the context is made
        sim.model.vis.quality.offsamples = 0
        context.gl_ctx.make_current()
        context.con.free()
        context._set_mujoco_context_and_buffers()
    context.scn.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
    context.scn.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0


def free_rendering(sim: Any) -> None:
    """Free a simulation's offscreen context. Robosuite leaves that to the garbage collector, which frees the textures
    of whatever context is current at the time: another world's.
    """
    context = sim._render_context_offscreen
    context.gl_ctx.make_current()
    context.con.free()
    context.gl_ctx.free()


def focal_lengths(sim: Any, cameras: Mapping[str, str], height: int) -> dict[str, float]:
    """Our camera name -> focal length, px, of images of `height` px. Args: cameras: our name -> the simulation's."""
    fovy = sim.model.cam_fovy
    return {
        name: float(height / 2 / np.tan(np.deg2rad(fovy[sim.model.camera_name2id(camera)]) / 2))
        for name, camera in cameras.items()
    }


def render(sim: Any, camera: str, width: int, height: int) -> np.ndarray:
    """The upright image of a camera, RGB uint8 (height, width, 3)."""
    context = sim._render_context_offscreen
    context.gl_ctx.make_current()
    context.render(width, height, camera_id=sim.model.camera_name2id(camera))
    return np.ascontiguousarray(context.read_pixels(width, height)[::-1])


def render_segmentation(sim: Any, camera: str, width: int, height: int) -> np.ndarray:
    """What each pixel of a camera shows, upright, int32 (height, width, 2): MuJoCo object type and id, -1 for the
    background.
    """
    context = sim._render_context_offscreen
    context.gl_ctx.make_current()
    context.render(width, height, camera_id=sim.model.camera_name2id(camera), segmentation=True)
    rgb = context.read_pixels(width, height)[::-1].astype(np.int32)
    segments = rgb[..., 0] + (rgb[..., 1] << 8) + (rgb[..., 2] << 16)
    known = np.full((context.scn.ngeom + 1, 2), -1, dtype=np.int32)
    for geom in context.scn.geoms[: context.scn.ngeom]:
        if geom.segid != -1:
            known[geom.segid + 1] = geom.objtype, geom.objid
    segments[segments > context.scn.ngeom] = 0
    return known[segments]
