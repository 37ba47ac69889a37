"""The sheet of one episode and the pictures of its frames, from a policy's looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from inspire_policy.overlay import draw_overlay
from inspire_training.attention.frames import CAMERA, SeenEpisode, SeenFrame
from inspire_training.attention.lenses import Lens
from inspire_training.attention.mass import on_object
from inspire_training.attention.pictures import Cell, Row, contact_sheet, heated, save_png, scale_of
from inspire_training.attention.policy import Policy
from inspire_training.attention.reading import Look

LENS_TITLES = {"last": "last layer", "rollout": "rollout through all layers"}


def draw_sheet(
    path: Path,
    name: str,
    policy: Policy,
    episode: SeenEpisode,
    looks: Sequence[Sequence[Look]],
    lens: Lens,
    *,
    frames: bool,
) -> str:
    """Write the sheet of an episode, and its frames where wanted; returns the sheet's file name."""
    rows = [_row(policy, frame, episode, found, lens) for frame, found in zip(episode.frames, looks)]
    top = scale_of(rows)
    columns = [
        (f"answer: {look.object}", policy.reader.question(look.object))
        if look.object
        else ("action", "the rows that the chunk comes from")
        for look in looks[0]
    ]
    title = episode.instruction[:1].upper() + episode.instruction[1:]
    save_png(path, contact_sheet(title, f"{name}: {LENS_TITLES[lens]}; {episode.name}", columns, rows, top=top))
    if frames:
        for frame, found, row in zip(episode.frames, looks, rows):
            save_png(
                path.with_name(f"{path.stem}_step_{frame.step:03d}.png"),
                _frame_picture(policy, episode, found, row, top),
            )
    return path.name


def _row(policy: Policy, frame: SeenFrame, episode: SeenEpisode, looks: Sequence[Look], lens: Lens) -> Row:
    views = {camera: policy.view(frame.observation.images[camera], camera) for camera in policy.geometries}
    drawn = {
        name: policy.view(np.repeat((mask * np.uint8(255))[..., None], 3, axis=2), CAMERA)[..., 0] / 255.0
        for name, mask in frame.masks.items()
        if CAMERA in views
    }
    cells = []
    for look in looks:
        about = look.object or (episode.objects[0] if episode.objects else "")
        lines = [_percent_line(about, look.maps[lens], policy, frame)]
        lines += [f"{camera} {picture.sum():.0%}" for camera, picture in look.maps[lens].items()]
        cells.append(
            Cell(
                maps=look.maps[lens],
                outline=drawn.get(about),
                word=look.word,
                right=policy.right(look, frame) if look.word else None,
                probability=max(look.probabilities, default=0.0),
                lines=tuple(line for line in lines if line),
            )
        )
    outlines = tuple(drawn[name] for name in episode.objects if name in drawn)
    held = "" if not frame.holding else ", holding"
    return Row(label=f"step {frame.step}{held}", views=views, outlines=outlines, cells=tuple(cells))


def _percent_line(about: str, maps: Mapping[str, np.ndarray], policy: Policy, frame: SeenFrame) -> str:
    if CAMERA not in maps or about not in frame.masks:
        return ""
    mass, area = on_object(maps[CAMERA], policy.covered(frame, len(maps[CAMERA]))[about])
    return f"{mass / area:.1f}x on {about}" if area else ""


def _frame_picture(policy: Policy, episode: SeenEpisode, looks: Sequence[Look], row: Row, top: float) -> np.ndarray:
    """One frame as the stack's own overlay draws it: a heated picture per look and camera, questions and bars below."""
    images = {
        f"{look.name}: {camera}": heated(view, cell.maps[camera], top)
        for look, cell in zip(looks, row.cells)
        for camera, view in row.views.items()
    }
    answers = [look for look in looks if look.object]
    mode = policy.reader.question_mode
    return draw_overlay(images, episode.instruction, policy.words, answers, question_mode=mode)
