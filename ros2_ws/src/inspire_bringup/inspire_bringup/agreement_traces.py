"""What the agreement of answers is judged by, offline: the answers, poses and object positions of one episode.

From fresh episodes of a bundle in this process, or from recordings of the graph. A file of traces holds one episode per
line of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inspire_bringup.errors import BadInput
from inspire_policy.agreement import Answer
from inspire_policy.programs.base import Job
from inspire_policy.recordings import OUTCOME, SUCCESS, RecordingReader, UnreadableRecording

TOPICS = ("/inspire/answers", "/arm/state_pose", "/sim/truth")


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One episode.

    Attributes:
        name: seed or file. split: held-out split, empty where it is not known. success: by the judge.
        times: s from the first pose. positions: of the tool at these, m, in the base frame.
        answers: (s, answers in order of mention). objects: name -> positions at `times`, m; empty without.
    """

    name: str
    split: str
    success: bool
    times: list[float]
    positions: list[list[float]]
    answers: list[tuple[float, list[Answer]]]
    objects: dict[str, list[list[float]]]

    @property
    def seconds(self) -> float:
        """How long the episode took."""
        return self.times[-1] if self.times else 0.0

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Trace:
        """The inverse. Raises ValueError."""
        try:
            data: dict[str, Any] = json.loads(line)
            data["answers"] = [(float(at), [Answer(**answer) for answer in some]) for at, some in data["answers"]]
            return cls(**data)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"trace: expected a line of JSON with the fields of Trace, found {line[:80]!r}") from error


def read_traces(path: Path) -> list[Trace]:
    """The episodes of a file of traces, or of every recording in a folder. Raises BadInput."""
    try:
        if path.is_dir():
            return list(_of_recordings(path))
        return [Trace.from_json(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: expected a file of traces or a folder of recordings ({error})") from error


def _of_recordings(folder: Path) -> Iterator[Trace]:
    files = sorted(folder.glob("*.mcap"))
    if not files:
        raise BadInput(f"{folder}: expected recordings (*.mcap), found none; make some with --record-episodes")
    for file in files:
        try:
            yield of_recording(file)
        except UnreadableRecording as error:
            raise BadInput(f"{file}: {error}") from error


def of_recording(path: Path) -> Trace:
    """The trace of a recording of one instruction. Raises UnreadableRecording, OSError."""
    answers: dict[int, list[Answer]] = {}
    poses: dict[int, list[float]] = {}
    truth: dict[int, Mapping[str, list[float]]] = {}
    with RecordingReader(path) as reader:
        for message in reader.messages(TOPICS):
            content = message.content
            stamp = content.header.stamp.sec * 1_000_000_000 + content.header.stamp.nanosec
            if message.topic.endswith(TOPICS[0]):
                answers[stamp] = [Answer(a.object, a.word, a.axis) for a in content.answers]
            elif message.topic.endswith(TOPICS[1]):
                point = content.pose.position
                poses[stamp] = [point.x, point.y, point.z]
            else:
                places = {o.name: o.pose.position for o in content.objects if o.direction}
                truth[stamp] = {name: [place.x, place.y, place.z] for name, place in places.items()}
        outcome = reader.metadata.get(OUTCOME, {})
    stamps = sorted(poses)
    first = stamps[0] if stamps else 0
    names = sorted(set.intersection(*(set(truth.get(stamp, {})) for stamp in stamps))) if stamps else []
    return Trace(
        name=path.stem,
        split="",
        success=outcome.get("outcome") == SUCCESS,
        times=[(stamp - first) * 1e-9 for stamp in stamps],
        positions=[poses[stamp] for stamp in stamps],
        answers=[((stamp - first) * 1e-9, answers[stamp]) for stamp in sorted(answers) if stamp >= first],
        objects={name: [truth[stamp][name] for stamp in stamps] for name in names},
    )


def fresh_episodes(bundle: str, split: str, seeds: list[int], *, world: str = "tabletop") -> Iterator[Trace]:
    """Closed loops of a bundle in this process, as in lockstep: a chunk's horizon is executed, then it looks again.

    Raises BadInput on a bundle that does not load or fit.
    """
    from inspire_policy.action import osc_from_lead
    from inspire_policy.brain import Brain
    from inspire_policy.bundle import BundleError
    from inspire_policy.engines.protocol import EngineError
    from inspire_sim.worlds.registry import make_world

    try:
        brain = Brain.load(bundle, body=world)
    except (BundleError, EngineError) as error:
        raise BadInput(str(error)) from error
    horizon, period = brain.bundle.manifest.horizon, brain.bundle.manifest.contract.period
    body = make_world(world)
    for seed in seeds:
        episode = body.reset(seed, split=split)
        text, asked = brain.objects_of(episode.instruction)
        times: list[float] = []
        positions: list[list[float]] = []
        answers: list[tuple[float, list[Answer]]] = []
        objects: dict[str, list[list[float]]] = {name: [] for name in asked}
        leads: list[Any] = []
        success = False
        for step in range(episode.max_steps):
            seen = body.observe(images=not leads)
            times.append(round(step * period, 6))
            positions.append(seen.tool_position.round(5).tolist())
            for state in body.truth().objects:
                if state.name in objects:
                    objects[state.name].append(state.position.round(5).tolist())
            if not leads:
                tick = brain.program.tick(Job(seen.for_policy(), text, asked, number=len(answers)))
                leads = list(tick.leads[:horizon])
                axes = brain.bundle.manifest.words.vocabulary.axis_of
                answers.append((times[-1], [Answer(a.object, a.word, axes[a.word]) for a in tick.answers]))
            body.step(osc_from_lead(leads.pop(0), body.contract))
            success = body.success()
            if success:
                break
        yield Trace(
            name=str(seed),
            split=split,
            success=success,
            times=times,
            positions=positions,
            answers=answers,
            objects=objects,
        )
