"""One grounded image: geometry in pixels and metres. Text is rendered when a record is loaded, never stored.

Pixels are continuous: pixel i of a row covers [i, i + 1), a box's right and lower edges lie behind its last pixels, the
centre of a pixel is i + 0.5. Poses are in the robot's base frame (REP-103), the camera's optical frame looks along z.
What a source does not know is None; `flags` says which tasks a record can be asked about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

TRACE_POINTS = 10
FLAGS = ("trace", "direction", "plan")
Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class GroundedObject:
    """One object of an image.

    Attributes:
        name: as spoken. bbox_xyxy_px: of its visible part, None when hidden.
        visible_frac: visible pixels by those that would be visible without anything in front of it, 0..1.
        point_px: the visible pixel furthest from the edge of its visible part. grasp_px: where the tool should be to
            grasp it (or to let go over it), projected; it may be hidden or outside the image.
        position_base_m: of its origin.
    """

    name: str
    bbox_xyxy_px: Box | None
    visible_frac: float = 1.0
    point_px: Point | None = None
    grasp_px: Point | None = None
    position_base_m: tuple[float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Names of the object to be moved and of where it goes."""

    target: str | None = None
    destination: str | None = None


@dataclass(frozen=True, kw_only=True)
class GripperState:
    """Where the tool is, projected (perhaps outside the image) in the base frame, m, and whether it holds a thing."""

    px: Point
    position: tuple[float, float, float]
    holding: bool


@dataclass(frozen=True, kw_only=True)
class CameraPose:
    """Of the camera's optical frame in the base frame: position (3,) m, quaternion x, y, z, w."""

    position: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class GroundingRecord:
    """All that is known about one image.

    Attributes:
        image_size: width, height, px. intrinsics: fx, fy, cx, cy, px.
        trace_px: TRACE_POINTS points from the tool's place now to that at the next opening or closing, evenly spaced
            along the way; they may lie outside the image.
        direction: object name -> InSpire's word. flags: each of FLAGS.
        source: where it comes from: world, seed, split, task, step; or file and line.

    Raises ValueError, on construction, when a box lies outside the image, is empty, or numbers are not finite.
    """

    image_size: tuple[int, int]
    instruction: str
    objects: tuple[GroundedObject, ...]
    roles: Roles = field(default_factory=Roles)
    intrinsics: tuple[float, float, float, float] | None = None
    camera_pose: CameraPose | None = None
    gripper: GripperState | None = None
    trace_px: tuple[Point, ...] | None = None
    direction: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=lambda: dict.fromkeys(FLAGS, False))
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item in self.objects:
            if item.bbox_xyxy_px is not None:
                check_box(item.bbox_xyxy_px, self.image_size, item.name)
        if self.trace_px is not None:
            found = len(self.trace_px)
            if found != TRACE_POINTS or not all(math.isfinite(v) for point in self.trace_px for v in point):
                raise ValueError(f"trace: expected {TRACE_POINTS} finite points, found {found}: {self.trace_px}")
        if set(self.flags) != set(FLAGS):
            raise ValueError(f"flags: expected {', '.join(FLAGS)}, found {', '.join(self.flags)}")

    def find(self, name: str | None) -> GroundedObject | None:
        """The object of a name."""
        return next((item for item in self.objects if item.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GroundingRecord:
        """The inverse of `to_json`, also behind JSON. Raises ValueError or TypeError on what is no record."""
        values = dict(data)
        values["objects"] = tuple(GroundedObject(**{k: _tuples(v) for k, v in o.items()}) for o in values["objects"])
        values["roles"] = Roles(**values["roles"])
        for name, kind in (("camera_pose", CameraPose), ("gripper", GripperState)):
            if values.get(name) is not None:
                values[name] = kind(**{k: _tuples(v) for k, v in values[name].items()})
        for name in ("image_size", "intrinsics", "trace_px"):
            values[name] = _tuples(values.get(name))
        return cls(**values)


def check_box(box: Box, image_size: tuple[int, int], name: str) -> None:
    """Raises ValueError when a box is not finite, empty, or outside an image of (width, height) px."""
    x0, y0, x1, y1 = box
    width, height = image_size
    inside = 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    if not all(math.isfinite(v) for v in box) or not inside:
        raise ValueError(
            f"box of {name!r}: expected x0 < x1 and y0 < y1 inside {width} x {height} px, found "
            f"{[round(float(v), 2) for v in box]}; clip it to the image or leave it out (None)"
        )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value
