"""Pictures of attention: heat over what the camera saw, and a contact sheet per episode.

On a sheet every row is a frame: the picture as it is, then one column per answer and one for the action. Heat has one
scale on the whole sheet, in times of what evenly spread attention would give, so that cells can be compared. The
outline is the object that a column asks about (the target, for the action).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 224  # px of the first camera in a cell
SMALL = 112  # px of the others, and of the panel beside them
GAP, MARGIN = 14, 22
HEAD, TITLES, FOOT = 84, 42, 58
BACKGROUND, PANEL, TEXT, DIM = (20, 21, 25), (30, 32, 38), (236, 237, 240), (148, 152, 162)
RIGHT, WRONG, ACTS = (94, 208, 140), (244, 140, 88), (120, 184, 255)
OUTLINE = (255, 255, 255)
SOFTNESS = 0.04  # standard deviation of the smoothing, shares of a picture's side
_MAP = cv2.COLORMAP_INFERNO


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One look in one frame.

    Attributes:
        maps: camera -> (s, s), shares of the whole attention. outline: bool, of the first camera's view; None without.
        word: the answer, "" for the action. right: whether it is; None where nobody knows. probability: of the
            word, 0 where it is not known.
        lines: small print below.
    """

    maps: Mapping[str, np.ndarray]
    outline: np.ndarray | None
    word: str
    right: bool | None
    probability: float
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One frame: views are what the model sees of each camera, RGB uint8, of any size; the first is drawn large."""

    label: str
    views: Mapping[str, np.ndarray]
    outlines: tuple[np.ndarray, ...]
    cells: tuple[Cell, ...]


def density(picture: np.ndarray) -> np.ndarray:
    """A map in times of evenly spread attention; zeros where there is none."""
    whole = float(picture.sum())
    return picture / whole * picture.size if whole > 0 else np.zeros_like(picture)


def scale_of(rows: Sequence[Row]) -> float:
    """What the brightest colour means: nearly the largest density of the sheet, 2 at least."""
    found = [density(m).ravel() for row in rows for cell in row.cells for m in cell.maps.values()]
    return max(2.0, float(np.percentile(np.concatenate(found), 99.7))) if found else 2.0


def heated(view: np.ndarray, picture: np.ndarray, top: float) -> np.ndarray:
    """A view with a map's heat over it, RGB uint8 of its size: none up to an even spread, brightest at `top` times it.

    The map is smoothed a little: what a token holds does not end at the edge of its square.
    """
    height, width = view.shape[:2]
    smooth = cv2.GaussianBlur(density(picture).astype(np.float32), (0, 0), SOFTNESS * len(picture))
    heat = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC)
    return _coloured(view, np.clip((heat - 1.0) / (top - 1.0), 0.0, 1.0))


def _coloured(view: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A view, dimmed, under heat (H, W) in [0, 1]."""
    grey = cv2.cvtColor(np.ascontiguousarray(view), cv2.COLOR_RGB2GRAY)[..., None]
    base = 0.62 * (0.35 * view + 0.65 * grey)
    colours = cv2.cvtColor(cv2.applyColorMap((255 * heat).astype(np.uint8), _MAP), cv2.COLOR_BGR2RGB)
    strength = (0.9 * np.sqrt(heat))[..., None]
    return np.asarray(((1.0 - strength) * base + strength * colours).clip(0, 255).astype(np.uint8))


def outlined(view: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = OUTLINE) -> np.ndarray:
    """A view with the edge of a mask, of any size, drawn on it."""
    side = (view.shape[1], view.shape[0])
    shape = cv2.GaussianBlur(cv2.resize(mask.astype(np.float32), side, interpolation=cv2.INTER_LINEAR), (0, 0), 1.2)
    contours, _ = cv2.findContours((shape > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(view)
    cv2.drawContours(drawn, contours, -1, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.drawContours(drawn, contours, -1, colour, 1, cv2.LINE_AA)
    return drawn


def contact_sheet(
    title: str, subtitle: str, columns: Sequence[tuple[str, str]], rows: Sequence[Row], *, top: float
) -> np.ndarray:
    """The sheet of one episode, RGB uint8.

    Args:
        columns: heading and small print of each look. rows: as many cells in each. top: see `heated`.
    """
    wide = SIDE + 6 + SMALL
    width = 2 * MARGIN + wide + (wide + GAP) * len(columns)
    height = HEAD + TITLES + len(rows) * (SIDE + GAP) + FOOT
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (MARGIN, 20), title, TEXT, 24, width - 2 * MARGIN, bold=True)
    _write(draw, (MARGIN, 54), subtitle, DIM, 14, width - 2 * MARGIN)
    for number, (heading, small) in enumerate([("what it saw", ""), *columns]):
        x = MARGIN + number * (wide + GAP)
        _write(draw, (x, HEAD), heading, TEXT, 16, wide, bold=True)
        _write(draw, (x, HEAD + 21), small, DIM, 12, wide)
    for number, row in enumerate(rows):
        y = HEAD + TITLES + number * (SIDE + GAP)
        _paste_views(sheet, (MARGIN, y), _plain_views(row))
        draw.text((MARGIN + SIDE + 14, y + SIDE - 26), row.label, DIM, font=font(13))
        for place, cell in enumerate(row.cells, start=1):
            x = MARGIN + place * (wide + GAP)
            _paste_views(sheet, (x, y), _heated_views(row, cell, top))
            _draw_panel(draw, (x + SIDE + 6, y + SIDE - SMALL), cell)
    _draw_scale(sheet, draw, (MARGIN, height - FOOT + 10), top)
    return np.asarray(sheet)


def save_png(path: Path, picture: np.ndarray) -> None:
    """Write RGB uint8 as a PNG, complete or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        Image.fromarray(picture).save(partial, format="png", optimize=True)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along."""
    from matplotlib import get_data_path

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / name), size)


def _plain_views(row: Row) -> list[np.ndarray]:
    views = [_sized(view, SIDE if not number else SMALL) for number, view in enumerate(row.views.values())]
    for mask in row.outlines:
        views[0] = outlined(views[0], mask)
    return views


def _heated_views(row: Row, cell: Cell, top: float) -> list[np.ndarray]:
    views = []
    for number, (camera, view) in enumerate(row.views.items()):
        views.append(heated(_sized(view, SIDE if not number else SMALL), cell.maps[camera], top))
    if cell.outline is not None:
        views[0] = outlined(views[0], cell.outline)
    return views


def _paste_views(sheet: Image.Image, place: tuple[int, int], views: Sequence[np.ndarray]) -> None:
    x, y = place
    sheet.paste(Image.fromarray(views[0]), (x, y))
    for view in views[1:2]:  # there is room for one more camera beside the panel
        sheet.paste(Image.fromarray(view), (x + SIDE + 6, y))


def _draw_panel(draw: ImageDraw.ImageDraw, place: tuple[int, int], cell: Cell) -> None:
    x, y = place
    draw.rounded_rectangle((x, y + 6, x + SMALL - 1, y + SMALL - 1), 6, fill=PANEL)
    colour = ACTS if not cell.word else TEXT if cell.right is None else RIGHT if cell.right else WRONG
    _write(draw, (x + 9, y + 13), cell.word or "action", colour, 17, SMALL - 16, bold=True)
    if cell.word:
        told = {None: "", True: "  right", False: "  wrong"}[cell.right]
        sure = f"{cell.probability:.0%}" if cell.probability else ""
        draw.text((x + 9, y + 36), f"{sure}{told}".strip(), DIM, font=font(12))
    for number, line in enumerate(cell.lines[:3]):
        _write(draw, (x + 9, y + 56 + 16 * number), line, TEXT if not number else DIM, 11, SMALL - 16)


def fitted(words: str, size: int, room: float, *, bold: bool = False) -> tuple[str, ImageFont.FreeTypeFont]:
    """Words and their font within `room` px: smaller if need be, down to 9 px, then cut."""
    while size > 9 and font(size, bold=bold).getlength(words) > room:
        size -= 1
    face = font(size, bold=bold)
    while len(words) > 1 and face.getlength(words) > room:
        words = words[:-2].rstrip() + "…"
    return words, face


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    colour: tuple[int, int, int],
    size: int,
    room: float,
    *,
    bold: bool = False,
) -> None:
    words, face = fitted(words, size, room, bold=bold)
    draw.text(place, words, colour, font=face)


def _draw_scale(sheet: Image.Image, draw: ImageDraw.ImageDraw, place: tuple[int, int], top: float) -> None:
    x, y = place
    length, height = 260, 12
    grey = np.full((height, length, 3), 110, dtype=np.uint8)
    sheet.paste(Image.fromarray(_coloured(grey, np.tile(np.linspace(0.0, 1.0, length), (height, 1)))), (x, y))
    draw.text((x, y + 17), "even", DIM, font=font(12))
    draw.text((x + length, y + 17), f"{top:.1f} times", DIM, font=font(12), anchor="ra")
    lines = ("Heat: more attention than an even spread over the picture gives.", "White line: the object asked about.")
    for number, line in enumerate(lines):
        draw.text((x + length + 28, y - 2 + 19 * number), line, DIM, font=font(12))


def _sized(view: np.ndarray, side: int) -> np.ndarray:
    """A view at a height of `side`, of its own aspect ratio but no wider."""
    height, width = view.shape[:2]
    size = (min(side, round(width * side / height)), side)
    return np.asarray(cv2.resize(np.ascontiguousarray(view), size, interpolation=cv2.INTER_CUBIC))
