"""A recording of the stack as frames: what the robot saw at each action, and, in simulation, where the objects were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inspire_policy.directions import REP103
from inspire_policy.observations import PolicyObservation
from inspire_policy.recordings import EPISODE, RecordingReader
from inspire_training.attention.frames import SeenEpisode, SeenFrame
from inspire_training.attention.regions import BY_PROJECTION, SceneBoxes, Scenes
from inspire_training.episodes.recorded import RUNNING, Header, read_header, read_recorded

TOLERANCE = 0.2  # s by which an observation may be older than its action
MAX_FRAMES = 4000
WHOLE = 2**63  # ns; a run recorded as a whole was not opened for one instruction, so nothing in it comes too late


def recorded_episode(path: Path, cameras: Sequence[str], scenes: Scenes) -> SeenEpisode:
    """The episode of a recording, of one instruction or of a whole demonstration run.

    Raises FileNotFoundError, or ValueError (UnreadableRecording, NoLabels) where there is nothing to look at.
    """
    if not path.is_file():
        raise FileNotFoundError(f"data: expected a recording at {path}, found none; `make demo` writes one")
    told = _told(path)
    header = told.header
    recorded = read_recorded(path, header, cameras=tuple(cameras), tolerance=TOLERANCE, max_frames=MAX_FRAMES)
    truths = [told.truths.get(int(stamp)) for stamp in recorded.stamps]
    first = next((truth for truth in truths if truth is not None), None)
    boxes: SceneBoxes | str = "the recording holds no positions of objects"
    if first is not None and told.world:
        boxes = scenes.boxes(told.world, recorded.seed, recorded.task, (), _positions(first))
    named = [o for o in (first.objects if first is not None else ()) if o.direction]
    frames = []
    for i, truth in enumerate(truths):
        images = {camera: recorded.images[camera][i] for camera in cameras}
        objects = truth.objects if truth is not None else ()
        positions = {} if truth is None else _positions(truth)
        shape = images[cameras[0]].shape[:2]
        frames.append(
            SeenFrame(
                step=i,
                observation=PolicyObservation(
                    images, recorded.positions[i], recorded.quaternions[i], float(recorded.openings[i])
                ),
                masks=boxes.masks(positions, shape) if positions and isinstance(boxes, SceneBoxes) else {},
                axes={o.name: REP103.axis_of[o.direction] for o in objects if o.direction in REP103.axis_of},
                holding=any(o.grasped for o in objects) if truth is not None else None,
            )
        )
    return SeenEpisode(
        name=path.parent.name + "/" + path.stem,
        seed=recorded.seed,
        instruction=recorded.instruction,
        objects=tuple(o.name for o in named) or told.asked,
        frames=tuple(frames),
        regions=BY_PROJECTION if isinstance(boxes, SceneBoxes) else boxes,
    )


class _Told:
    """What a recording says beside images and motion."""

    def __init__(self, header: Header, world: str, truths: dict[int, Any], asked: tuple[str, ...]) -> None:
        self.header, self.world, self.truths, self.asked = header, world, truths, asked


def _told(path: Path) -> _Told:
    world, instruction, commander = "", "", ""
    truths: dict[int, Any] = {}
    asked: tuple[str, ...] = ()
    topics = ("/sim/truth", "/sim/episode", "/inspire/action", "/inspire/answers")
    with RecordingReader(path) as reader:
        of_episode = EPISODE in reader.metadata
        for message in reader.messages(topics):
            content, topic = message.content, message.topic
            if topic.endswith("/sim/truth"):
                truths.setdefault(message.stamp, content)
            elif topic.endswith("/sim/episode"):
                world = content.world or world
                instruction = content.instruction if content.state == RUNNING else instruction
            elif topic.endswith("/inspire/action"):
                commander = commander or content.commander_id
            else:
                instruction = instruction or content.instruction
                asked = asked or tuple(answer.object for answer in content.answers)
        damage = reader.damage
    header = read_header(path) if of_episode else Header(instruction, commander, WHOLE, "", "", damage)
    return _Told(header, world, truths, asked)


def _positions(truth: Any) -> dict[str, np.ndarray]:
    return {o.name: np.array([o.pose.position.x, o.pose.position.y, o.pose.position.z]) for o in truth.objects}
