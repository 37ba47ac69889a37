"""`inspire attention`: contact sheets of where policies look, and how much of it falls on the objects named.

out/<policy>_<lens>_seed_<n>.png; out/attention.json: `summary` (policy -> rows) and `shares` (policy -> every look).
"""

from __future__ import annotations

import json
from typing import Any

import torch

from inspire_training.attention.frames import chosen_frames
from inspire_training.attention.lenses import LENSES, Lens
from inspire_training.attention.mass import Share, difference_lines, differences, plain, summary, table
from inspire_training.attention.policy import Policy
from inspire_training.attention.settings import AttentionSettings
from inspire_training.attention.sheets import draw_sheet
from inspire_training.attention.sources import seen_episodes
from inspire_training.evaluation.folder import write_file
from inspire_training.names import named_paths, slug

FILE = "attention.json"
SCHEMA_VERSION = 1


def attention(settings: AttentionSettings) -> dict[str, Any]:
    """Draw, count, print the table, and return what attention.json holds.

    Raises ValueError or FileNotFoundError for settings, checkpoints or data that do not fit.
    """
    _check(settings)
    torch.set_num_threads(settings.threads)
    policies = {name: Policy.load(path) for name, path in named_paths(settings.checkpoint, "checkpoint").items()}
    lenses: tuple[Lens, ...] = LENSES if settings.method == "both" else (settings.method,)
    cameras = list(dict.fromkeys(camera for policy in policies.values() for camera in policy.geometries))
    found = seen_episodes(settings.data, cameras, settings.seeds, settings.episodes, world=settings.world)
    before = settings.phase == "before_grasp"
    episodes = [e for e in (chosen_frames(e, settings.frames, before_grasp=before) for e in found) if e.frames]
    if len(episodes) < len(found):
        print(f"left out, as nothing was seen of them before the grasp: {len(found) - len(episodes)} episodes")
    if not episodes:
        raise ValueError(f"phase: expected frames of {settings.data} before the grasp, found none; take --phase all")
    for reason in dict.fromkeys(e.regions for e in episodes if not any(frame.masks for frame in e.frames)):
        print(f"no numbers of objects, pictures alone: {reason}")
    shares: dict[str, list[Share]] = {name: [] for name in policies}
    sheets: list[str] = []
    for name, policy in policies.items():
        for number, episode in enumerate(episodes):
            looks = [policy.look(frame, episode) for frame in episode.frames]
            for frame, seen in zip(episode.frames, looks):
                shares[name] += policy.shares(frame, episode, seen, lenses)
            if number < settings.sheets:
                for lens in lenses:
                    stem = f"{slug(name)}_{lens}_seed_{episode.seed}"
                    twice = f"_{number}" if f"{stem}.png" in sheets else ""  # of another task
                    path = settings.out / f"{stem}{twice}.png"
                    sheets.append(draw_sheet(path, name, policy, episode, looks, lens, frames=settings.pictures))
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "data": str(settings.data),
        "phase": settings.phase,
        "frames": sum(len(episode.frames) for episode in episodes),
        "episodes": [{"seed": e.seed, "name": e.name, "regions": e.regions} for e in episodes],
        "policies": {
            name: {"step": policy.step, "questions": policy.reader.questions} for name, policy in policies.items()
        },
        "sheets": sheets,
        "summary": {name: summary(counted) for name, counted in shares.items()},
        "differences": differences(shares),
        "shares": {name: plain(counted) for name, counted in shares.items()},
    }
    settings.out.mkdir(parents=True, exist_ok=True)
    write_file(settings.out / FILE, json.dumps(content, indent=1) + "\n")
    if any(shares.values()):
        print("\n".join([table(content["summary"]), *difference_lines(content["differences"])]))
    print(f"written: {len(sheets)} sheets and {FILE} in {settings.out}")
    return content


def _check(settings: AttentionSettings) -> None:
    if not settings.checkpoint:
        raise ValueError("checkpoint: expected at least one checkpoint or run, found none")
    for name in ("episodes", "frames"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name}: expected 1 or more, found {getattr(settings, name)}")
    if not settings.data.exists():
        raise FileNotFoundError(f"data: expected a file or folder at {settings.data}, found none")
