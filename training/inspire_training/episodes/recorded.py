"""One recording as arrays: for every action the observation that the robot had, at the action's own stamp.

Actions are the commander's own, as it published them; of a stamp that was sent again the first counts. The observation
of an action is the newest of each kind that is not younger than it: in lockstep the very one it answers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from inspire_policy.recordings import EPISODE, FAILURE, OUTCOME, SUCCESS, UNJUDGED, RecordingReader
from inspire_training.episodes.labels import NoLabels

GRIPPER = "gripper_opening"
SUCCEEDED, FAILED, WAITING, RUNNING = 3, 4, 1, 2  # EpisodeStatus
LONGEST_GAP = 0.5  # s between two actions: after that the gate calls it a fault


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """T frames of one recording.

    Attributes:
        instruction, commander, outcome, reason: as recorded. task, seed: of the simulated episode; else of the file.
        stamps: (T,) ns. leads: (T, 7) float64 as published: m, rad, opening 0 closed .. 1 open.
        positions: (T, 3) m. quaternions: (T, 4) x, y, z, w. openings: (T,) measured.
        images: camera -> (T, H, W, 3) uint8 RGB.
        notes: what was left out of it, by name. damage: what was not whole, by name (see RecordingReader).
    """

    instruction: str
    commander: str
    outcome: str
    reason: str
    task: str
    seed: int
    stamps: np.ndarray
    leads: np.ndarray
    positions: np.ndarray
    quaternions: np.ndarray
    openings: np.ndarray
    images: dict[str, np.ndarray]
    notes: Counter[str]
    damage: Counter[str]

    def __len__(self) -> int:
        return len(self.stamps)


@dataclass(frozen=True)
class Header:
    """What a recording says of itself; `outcome` is UNJUDGED where it was cut before anybody could tell."""

    instruction: str
    commander: str
    opened: int
    outcome: str
    reason: str
    damage: Counter[str]


def read_header(path: Path) -> Header:
    """Commander, instruction and outcome of a recording; of a cut one the outcome as its events tell it.

    Raises UnreadableRecording, or NoLabels `not_an_episode`.
    """
    with RecordingReader(path) as reader:
        episode = reader.metadata.get(EPISODE)
        if episode is None or not episode.get("opened", "").isdigit():
            raise NoLabels(
                "not_an_episode",
                "expected the recording of one instruction, found another kind; record with --record-episodes or "
                "record.launch.py",
            )
        header = Header(
            episode.get("instruction", ""), episode.get("commander", ""), int(episode["opened"]), "", "", reader.damage
        )
        end = reader.metadata.get(OUTCOME)
        if end is not None:
            outcome, reason = end.get("outcome", UNJUDGED), end.get("reason", "")
        else:
            outcome, reason = _outcome_of_events(reader, header)
        return Header(header.instruction, header.commander, header.opened, outcome, reason, reader.damage)


def _outcome_of_events(reader: RecordingReader, header: Header) -> tuple[str, str]:
    for message in reader.messages(("/sim/episode",)):
        content = message.content
        if message.received >= header.opened and content.instruction == header.instruction:
            if content.state == SUCCEEDED:
                return SUCCESS, "told by the simulator before the recording was cut"
            if content.state == FAILED:
                return FAILURE, content.reason
    return UNJUDGED, "the recording was cut before its end"


def read_recorded(
    path: Path, header: Header, *, cameras: tuple[str, ...], tolerance: float, max_frames: int
) -> Recorded:
    """The frames of a recording.

    Args:
        path: of the file. header: as `read_header` gave it. cameras: names of the cameras.
        tolerance: s by which an observation may be older than its action. max_frames: of one episode.

    Raises:
        NoLabels: no_actions, too_long, gap, no_observations.
    """
    with RecordingReader(path) as reader:
        signals = _Signals(reader, header)
        damage = Counter(reader.damage)  # the images are read in a second pass over the same blocks
        stamps, leads = signals.actions()
        _check_actions(stamps, max_frames)
        states, lacking = signals.states(stamps, tolerance)
        images, blind = _images(reader, stamps, cameras, tolerance)
    seen = ~(lacking | blind)
    if not seen.any() or (~seen).mean() > 0.05:
        raise NoLabels(
            "no_observations",
            f"expected images of {', '.join(cameras)} and the arm's state no older than {tolerance:g} s at each of "
            f"{len(stamps)} actions, found none at {int((~seen).sum())}; check the cameras' names and rates",
        )
    kept = np.flatnonzero(seen)
    return Recorded(
        instruction=header.instruction, commander=header.commander, outcome=header.outcome, reason=header.reason,
        task=signals.task, seed=crc32(path.name.encode()) if signals.seed is None else signals.seed,
        stamps=stamps[kept], leads=leads[kept], positions=states[kept, :3], quaternions=states[kept, 3:7],
        openings=states[kept, 7], damage=damage, notes=Counter(frames_without_observation=int((~seen).sum())),
        images={camera: np.stack([images[camera][i] for i in kept]) for camera in cameras},
    )  # fmt: skip


def _check_actions(stamps: np.ndarray, max_frames: int) -> None:
    if len(stamps) == 0:
        raise NoLabels("no_actions", "expected actions of the commander, found none")
    if len(stamps) > max_frames:
        raise NoLabels("too_long", f"expected at most {max_frames} actions, found {len(stamps)}; raise --max-frames")
    gap = float(np.diff(stamps).max(initial=0)) * 1e-9
    if gap > LONGEST_GAP:
        raise NoLabels("gap", f"expected an action at least every {LONGEST_GAP:g} s, found {gap:.2f} s without one")


class _Signals:
    """Everything but the images, read once."""

    def __init__(self, reader: RecordingReader, header: Header) -> None:
        self.task, self.seed = "", None
        self._actions: dict[int, np.ndarray] = {}
        self._poses: dict[int, np.ndarray] = {}
        self._grips: dict[int, float] = {}
        over = False  # another instruction was given: what comes after it is not of this one
        topics = ("/inspire/action", "/arm/state_pose", "/arm/gripper_state", "/sim/episode", "/instruction")
        for message in reader.messages(topics):
            content, topic = message.content, message.topic
            if topic.endswith("/instruction"):
                over = over or (message.received > header.opened and content.data != header.instruction)
            elif topic.endswith("/inspire/action"):
                if not over and content.commander_id == header.commander:
                    self._actions.setdefault(message.stamp, _lead(content))
            elif topic.endswith("/arm/state_pose"):
                self._poses[message.stamp] = _pose(content)
            elif topic.endswith("/arm/gripper_state"):
                if GRIPPER in content.name:
                    self._grips[message.stamp] = float(content.position[list(content.name).index(GRIPPER)])
            elif content.instruction == header.instruction and content.state in (WAITING, RUNNING):
                self.task, self.seed = str(content.task), int(content.seed)

    def actions(self) -> tuple[np.ndarray, np.ndarray]:
        """Stamps (T,) ns, increasing, and leads (T, 7)."""
        stamps = np.array(sorted(self._actions), dtype=np.int64)
        leads = np.stack([self._actions[int(s)] for s in stamps]) if len(stamps) else np.zeros((0, 7))
        whole = np.isfinite(leads).all(axis=1)
        return stamps[whole], leads[whole]

    def states(self, stamps: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        """Pose and opening (T, 8) at each stamp, and where there was none in time, (T,)."""
        found = np.zeros((len(stamps), 8))
        lacking = np.zeros(len(stamps), dtype=bool)
        for columns, signal in ((slice(0, 7), self._poses), (slice(7, 8), self._grips)):
            times = sorted(signal)
            for i, stamp in enumerate(stamps):
                at = bisect_right(times, int(stamp)) - 1
                if at < 0 or int(stamp) - times[at] > tolerance * 1e9 or not np.isfinite(signal[times[at]]).all():
                    lacking[i] = True
                else:
                    found[i, columns] = signal[times[at]]
        return found, lacking


def _images(
    reader: RecordingReader, stamps: np.ndarray, cameras: tuple[str, ...], tolerance: float
) -> tuple[dict[str, list[Any]], np.ndarray]:
    """For each camera the image of each stamp, None where there was none in time; and where one is lacking, (T,).

    Images that no action answers are dropped as they are read, so that a fast camera costs no memory.
    """
    images: dict[str, list[Any]] = {camera: [None] * len(stamps) for camera in cameras}
    topics = {f"/camera/{camera}/color/image_raw": camera for camera in cameras}
    for message in reader.messages(tuple(topics)):
        camera = next(name for topic, name in topics.items() if message.topic.endswith(topic))
        first = int(np.searchsorted(stamps, message.stamp))
        last = int(np.searchsorted(stamps, message.stamp + int(tolerance * 1e9), side="right"))
        pixels = _pixels(message.content) if last > first else None
        if pixels is not None:
            images[camera][first:last] = [pixels] * (last - first)  # a later one replaces it where it is newer
    blind = np.array([any(images[camera][i] is None for camera in cameras) for i in range(len(stamps))], dtype=bool)
    for camera in cameras:
        shapes = {image.shape for image in images[camera] if image is not None}
        if len(shapes) > 1:
            raise NoLabels("images_change", f"expected images of one size from {camera}, found {sorted(shapes)}")
    return images, blind


def _lead(content: Any) -> np.ndarray:
    t, r = content.translation_lead, content.rotation_lead
    return np.array([t.x, t.y, t.z, r.x, r.y, r.z, content.gripper_opening], dtype=np.float64)


def _pose(content: Any) -> np.ndarray:
    p, q = content.pose.position, content.pose.orientation
    return np.array([p.x, p.y, p.z, q.x, q.y, q.z, q.w], dtype=np.float64)


def _pixels(content: Any) -> np.ndarray | None:
    """RGB (H, W, 3) of an image, a copy; None when it is not what it says."""
    height, width, step = int(content.height), int(content.width), int(content.step)
    data = np.frombuffer(content.data, dtype=np.uint8)
    if content.encoding not in ("rgb8", "bgr8") or min(height, width) < 1 or step < 3 * width:
        return None
    if data.size != height * step:
        return None
    pixels = data.reshape(height, step)[:, : 3 * width].reshape(height, width, 3)
    return (pixels if content.encoding == "rgb8" else pixels[:, :, ::-1]).copy()
