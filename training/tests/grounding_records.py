"""Pictures of two coloured boxes with everything known about them."""

from __future__ import annotations

import numpy as np

from inspire_training.grounding.episodes import GroundedFrame
from inspire_training.grounding.records import GroundedObject, GroundingRecord, Roles

SIZE = 128
NAMES = ("milk", "bin")
COLOURS = ((220, 30, 30), (30, 30, 220))


def make_frame(seed: int) -> GroundedFrame:
    """A milk on the left half and a bin on the right half, 12 to 30 px each, and a straight trace between them."""
    rng = np.random.default_rng(seed)
    image, segments = np.full((SIZE, SIZE, 3), 200, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    objects = []
    for index, (name, colour) in enumerate(zip(NAMES, COLOURS)):
        width, height = (int(v) for v in rng.integers(12, 31, 2))
        x, y = int(rng.integers(index * 64, index * 64 + 64 - width)), int(rng.integers(0, SIZE - height))
        image[y : y + height, x : x + width] = colour
        segments[y : y + height, x : x + width] = index + 1
        centre = (x + width // 2 + 0.5, y + height // 2 + 0.5)
        box = (float(x), float(y), float(x + width), float(y + height))
        objects.append(GroundedObject(name=name, bbox_xyxy_px=box, point_px=centre, position_base_m=(0.1, 0.2, 0.3)))
    start, end = (np.array(item.point_px) for item in objects)
    trace = [tuple(float(v) for v in start + (end - start) * t) for t in np.linspace(0, 1, 10)]
    record = GroundingRecord(
        image_size=(SIZE, SIZE),
        instruction="put the milk in the bin",
        objects=tuple(objects),
        roles=Roles(target="milk", destination="bin"),
        trace_px=tuple(trace),  # type: ignore[arg-type]
        direction={"milk": "left" if start[1] < 64 else "right", "bin": "front"},
        flags={"trace": True, "direction": True, "plan": True},
        source={"world": "drawn", "seed": seed, "step": 0},
    )
    return GroundedFrame(record, {"agentview": image}, rng.normal(size=10).astype(np.float32), segments)
