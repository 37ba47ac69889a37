"""How much of the attention falls on an object, against the share of the picture that the object covers.

Attention on a camera's picture is taken as a whole (its map divided by its sum); what words and the arm's own state get
is told beside it. 1 times the area is what attention spread evenly would give. Intervals are percentiles over episodes
drawn with replacement, since frames of one episode resemble each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from inspire_policy.images import ImageGeometry
from inspire_training.attention.lenses import LENSES, Lens

TARGET, DESTINATION, OTHERS = "target", "destination", "other objects"
ROLES = (TARGET, DESTINATION, OTHERS)
DRAWS = 2000
LENS_NAMES = {"last": "last layer", "rollout": "rollout"}


@dataclass(frozen=True, kw_only=True)
class Share:
    """One look at one object (of OTHERS: the mean over them) in one frame.

    Attributes:
        look: "target answer", "destination answer" or "action". role: of the object looked at, one of ROLES.
        mass: share of the attention on the picture that falls on it. area: share of the picture that it covers.
        picture: share of the whole attention that falls on the picture.
    """

    seed: int
    step: int
    lens: Lens
    look: str
    role: str
    object: str
    mass: float
    area: float
    picture: float


def coverage(mask: np.ndarray, geometry: ImageGeometry, cells: int) -> np.ndarray:
    """How much of each of cells x cells of the model's image an object covers, 0..1; mask (H, W) of the camera's."""
    drawn = np.repeat((mask.astype(np.uint8) * 255)[..., None], 3, axis=2)
    seen = geometry.apply(drawn)[..., 0].astype(np.float64) / 255.0
    return np.asarray(cv2.resize(seen, (cells, cells), interpolation=cv2.INTER_AREA))


def on_object(picture: np.ndarray, covered: np.ndarray) -> tuple[float, float]:
    """Mass and area, both shares, of a map (s, s) and a coverage (s, s)."""
    whole = float(picture.sum())
    return (float((picture * covered).sum()) / whole if whole > 0 else 0.0), float(covered.mean())


def role_of(name: str, objects: Sequence[str]) -> str:
    """The first object named is the target, the second the destination, any other is one of the others."""
    return ROLES[list(objects).index(name)] if name in objects[:2] else OTHERS


def look_name(asked: str, objects: Sequence[str]) -> str:
    """The name of a look that is counted over episodes with other objects."""
    return f"{role_of(asked, objects)} answer" if asked else "action"


def shares_of(
    *,
    seed: int,
    step: int,
    asked: str,
    objects: Sequence[str],
    lens: Lens,
    picture: np.ndarray,
    covered: Mapping[str, np.ndarray],
) -> list[Share]:
    """What a look's map of the known camera gives each object that shows; the others as one, their mean."""
    found: list[Share] = []
    groups: dict[str, list[str]] = defaultdict(list)
    for name in covered:
        groups[role_of(name, objects)].append(name)
    for role, names in groups.items():
        pairs = [on_object(picture, covered[name]) for name in names]
        mass, area = (float(np.mean([pair[i] for pair in pairs])) for i in (0, 1))
        if area <= 0.0:  # cropped away
            continue
        found.append(
            Share(
                seed=seed, step=step, lens=lens, look=look_name(asked, objects), role=role, object=", ".join(names),
                mass=mass, area=area, picture=float(picture.sum()),
            )
        )  # fmt: skip
    return found


def summary(shares: Sequence[Share]) -> list[dict[str, Any]]:
    """Rows per lens, look and role: frames, episodes, mass, area, times (mass by area) with its interval, picture."""
    groups: dict[tuple[str, str, str], list[Share]] = defaultdict(list)
    for share in shares:
        groups[share.lens, share.look, share.role].append(share)
    looks = [f"{TARGET} answer", f"{DESTINATION} answer", f"{OTHERS} answer", "action"]
    rows = []
    for key in sorted(groups, key=lambda k: (LENSES.index(k[0]), looks.index(k[1]), ROLES.index(k[2]))):
        group = groups[key]
        low, high = _interval(group)
        mass, area = (float(np.mean([getattr(s, name) for s in group])) for name in ("mass", "area"))
        rows.append(
            dict(zip(("lens", "look", "role"), key))
            | {"frames": len(group), "episodes": len({s.seed for s in group}), "mass": mass, "area": area}
            | {"times": mass / area, "times95": [low, high], "picture": float(np.mean([s.picture for s in group]))}
        )
    return rows


def differences(found: Mapping[str, Sequence[Share]]) -> list[dict[str, Any]]:
    """How much more of a look falls on the target than with the first policy, in times area, on the same frames.

    Rows per lens, look and further policy: `difference` and its interval over episodes drawn with replacement.
    """
    (first, base), *others = found.items()
    rows = []
    for lens in LENSES:
        for look in dict.fromkeys(share.look for share in base):
            ours = _sums([s for s in base if (s.lens, s.look, s.role) == (lens, look, TARGET)])
            for name, shares in others:
                theirs = _sums([s for s in shares if (s.lens, s.look, s.role) == (lens, look, TARGET)])
                if not ours or ours.keys() != theirs.keys():
                    continue
                a, b = (np.array([sums[seed] for seed in ours]) for sums in (ours, theirs))
                drawn = _drawn(len(ours))
                spread = _times(b[drawn].sum(axis=1)) - _times(a[drawn].sum(axis=1))
                low, high = np.percentile(spread, [2.5, 97.5])
                rows.append(
                    {"lens": lens, "look": look, "policy": name, "against": first}
                    | {"difference": float(_times(b.sum(axis=0)) - _times(a.sum(axis=0)))}
                    | {"difference95": [float(low), float(high)]}
                )
    return rows


def difference_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows of `differences` as sentences."""
    return [
        f"{LENS_NAMES[row['lens']]}, {row['look']} on the target: {row['policy']} {row['difference']:+.2f} times area "
        f"[{row['difference95'][0]:+.2f}, {row['difference95'][1]:+.2f}] against {row['against']}"
        for row in rows
    ]


def table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """A Markdown table of the summaries by policy: a line per lens, policy and look, columns by role."""
    lines = [
        "| attention | policy | of | on the picture | target: share, area, times area | destination | other objects |",
        "|---|---|---|---|---|---|---|",
    ]
    for lens in LENSES:
        for policy, rows in found.items():
            for look in dict.fromkeys(row["look"] for row in rows if row["lens"] == lens):
                of = {row["role"]: row for row in rows if row["lens"] == lens and row["look"] == look}
                picture = next(iter(of.values()))["picture"]
                cells = [_cell(of.get(role)) for role in ROLES]
                lines.append(f"| {' | '.join((LENS_NAMES[lens], policy, look, f'{picture:.0%}', *cells))} |")
    return "\n".join(lines)


def plain(shares: Sequence[Share]) -> list[dict[str, Any]]:
    """Plain types, numbers rounded to what they are worth."""
    return [{k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(share).items()} for share in shares]


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    low, high = row["times95"]
    return f"{row['mass']:.1%}, {row['area']:.1%}, **{row['times']:.2f}** [{low:.2f}, {high:.2f}]"


def _interval(shares: Sequence[Share]) -> tuple[float, float]:
    """95 % of mass by area over episodes drawn with replacement; the value itself of a single episode."""
    sums = np.array(list(_sums(shares).values()))
    low, high = np.percentile(_times(sums[_drawn(len(sums))].sum(axis=1)), [2.5, 97.5])
    return float(low), float(high)


def _sums(shares: Sequence[Share]) -> dict[int, tuple[float, float]]:
    """Seed -> mass and area of its frames together."""
    found: dict[int, tuple[float, float]] = {}
    for share in shares:
        mass, area = found.get(share.seed, (0.0, 0.0))
        found[share.seed] = mass + share.mass, area + share.area
    return found


def _drawn(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, (DRAWS, count))


def _times(sums: np.ndarray) -> np.ndarray:
    """Mass by area, of sums (..., 2)."""
    return np.asarray(sums[..., 0] / sums[..., 1])
