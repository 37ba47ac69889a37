"""Worlds by name. A world's simulator is imported only when the world is made."""

from __future__ import annotations

import os

from inspire_sim.renderer import missing_renderer
from inspire_sim.worlds.base import World, WorldError

LIBERO_WORLDS = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
WORLDS = ("tabletop", *LIBERO_WORLDS)


def make_world(name: str, *, image_size: int = 128, assets: str | None = None, stock_rendering: bool = False) -> World:
    """A world by its name.

    Args:
        name: one of WORLDS. image_size: width and height of each camera image, px.
        assets: folder of LIBERO's assets; None or empty: $INSPIRE_LIBERO_ASSETS, the user's cache, the hub. Not used
            by tabletop.
        stock_rendering: draw as robosuite does, many times slower, for comparison.

    Raises:
        WorldError: unknown name, wrong image size, no renderer, or LIBERO or its assets are missing.
    """
    if name not in WORLDS:
        raise WorldError(f"world: expected one of {', '.join(WORLDS)}; found {name!r}")
    if not 16 <= image_size <= 1024:
        raise WorldError(f"image_size: expected 16 to 1024 px, found {image_size}")
    missing = missing_renderer(os.environ)
    if missing:
        raise WorldError(missing)
    try:
        if name == "tabletop":
            from inspire_sim.worlds.tabletop import TabletopWorld

            return TabletopWorld(image_size=image_size, stock_rendering=stock_rendering)
        from inspire_sim.worlds.libero import LiberoWorld

        return LiberoWorld(name, image_size=image_size, assets=assets, stock_rendering=stock_rendering)
    except ImportError as error:
        target = "setup" if name == "tabletop" else "setup-libero"
        raise WorldError(f"world {name}: expected its Python packages, found {error}; run `make {target}`") from error
