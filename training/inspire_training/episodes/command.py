"""`inspire episodes RECORDINGS... --out DIR`: recordings of the robot, of teleoperation or of the simulator become
demonstrations that `inspire train --data DIR` takes as they are.

What cannot be used is named and counted, file by file; nothing ends the command but bad options. Exit codes: 0 at least
one episode was written, 1 none, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inspire_policy.action import ActionContract, Lead, osc_from_lead
from inspire_policy.instructions import objects_named
from inspire_policy.recordings import OUTCOMES, PARTIAL_SUFFIX, SUCCESS, SUFFIX, UnreadableRecording
from inspire_training.data.hdf5 import TrajectoryWriter
from inspire_training.data.trajectory import Trajectory
from inspire_training.episodes.grasps import find_grasps
from inspire_training.episodes.labels import Heights, NoLabels, label
from inspire_training.episodes.recorded import Recorded, read_header, read_recorded

SHARD = 20  # episodes in a file
REST = 10  # frames kept after the last motion: fingers are still opening


@dataclass
class Report:
    """What came of each recording: counts by name; the reasons of those that came to nothing."""

    written: int = 0
    frames: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)

    def leave_out(self, path: Path, name: str, reason: str) -> None:
        """Nothing came of a recording."""
        self.skipped[name] += 1
        self.reasons[path.name] = reason


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of this command."""
    parser = argparse.ArgumentParser(
        prog="inspire episodes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recordings", type=Path, nargs="+", help="MCAP files, or folders of them; cut ones as well.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the demonstrations; it must hold none yet.")
    parser.add_argument(
        "--outcomes",
        default=SUCCESS,
        help=f"Which outcomes are taken, with commas between them: {', '.join(OUTCOMES)}. Default: {SUCCESS}.",
    )
    parser.add_argument("--commanders", default="", help="Take these only, such as teleop. Default: all.")
    parser.add_argument("--known", default="", help="Phrases that name one object each, such as 'tomato sauce,bin'.")
    parser.add_argument("--agentview", default="agentview", help="Name of the camera that sees the scene.")
    parser.add_argument("--wrist", default="wrist", help="Name of the camera at the hand.")
    parser.add_argument(
        "--tolerance", type=float, default=0.15, help="By how many seconds an image may be older than its action."
    )
    for name, default, text in (
        ("--grasp-height", Heights.grasp, "an object lies below the tool that holds it"),
        ("--release-height", Heights.release, "a place lies below the tool that lets go over it"),
    ):
        parser.add_argument(
            name,
            type=float,
            default=default,
            help=f"By how many metres {text}; 0: the paper's rule. Default: {default}.",
        )
    parser.add_argument("--max-frames", type=int, default=3000, help="Longest episode that is taken. Default: 3000.")
    parser.add_argument(
        "--keep-idle", action="store_true", help="Keep the frames before the first motion and long after."
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Convert and return the exit code. Raises ValueError, OSError for bad options."""
    options = parse(arguments)
    outcomes = _listed(options.outcomes)
    if not outcomes or not set(outcomes) <= set(OUTCOMES):
        raise ValueError(f"outcomes: expected some of {', '.join(OUTCOMES)}, found {options.outcomes!r}")
    if not 0 < options.tolerance < 10:
        raise ValueError(f"tolerance: expected more than 0 s and less than 10 s, found {options.tolerance}")
    files = recordings_in(options.recordings)
    if list(options.out.glob("*.hdf5")):
        raise ValueError(f"out: expected a folder without *.hdf5, found some in {options.out}; choose another")
    report = Report()
    _write(options.out, _episodes(files, options, outcomes, report), report)
    _say(report, files, options.out)
    return 0 if report.written else 1


def recordings_in(paths: list[Path]) -> list[Path]:
    """Files as given; of a folder every *.mcap and *.mcap.partial in it, sorted. Raises FileNotFoundError."""
    files: list[Path] = []
    for path in paths:
        found = (
            sorted(p for p in path.iterdir() if p.name.endswith((SUFFIX, PARTIAL_SUFFIX))) if path.is_dir() else [path]
        )
        if not found or not found[0].is_file():
            raise FileNotFoundError(f"recordings: expected MCAP files at {path}, found none")
        files.extend(found)
    return files


def to_trajectory(recorded: Recorded, known: tuple[str, ...] = (), heights: Heights | None = None) -> Trajectory:
    """The labelled training episode of a recording. Raises NoLabels."""
    objects = objects_named(recorded.instruction, known)
    seconds = (recorded.stamps - recorded.stamps[0]) * 1e-9
    positions = recorded.positions
    grasps = find_grasps(recorded.leads[:, 6], recorded.openings, seconds)
    labels = label(recorded.instruction, objects, grasps, positions, heights or Heights())
    contract = ActionContract()
    actions = np.stack([osc_from_lead(Lead(row[:3], row[3:6], row[6]), contract) for row in recorded.leads])
    return Trajectory(
        instruction=recorded.instruction,
        objects=objects,
        images_agentview=recorded.images["agentview"],
        images_wrist=recorded.images["wrist"],
        positions=positions,
        quaternions=recorded.quaternions,
        openings=np.clip(recorded.openings, 0.0, 1.0),
        executed_actions=actions,
        expert_actions=actions,
        directions=labels.directions,
        offsets=labels.offsets,
        grasped=labels.grasped,
        success=recorded.outcome == SUCCESS,
        seed=recorded.seed,
        split="recorded",
        task=recorded.task,
    )


def without_idle(recorded: Recorded) -> slice:
    """The frames from the first motion to shortly after the last."""
    leads = recorded.leads
    fingers = np.diff(leads[:, 6], prepend=round(float(np.clip(recorded.openings[0], 0.0, 1.0)))) != 0
    busy = np.flatnonzero((leads[:, :6] != 0).any(axis=1) | fingers)
    if len(busy) == 0:
        raise NoLabels("no_motion", "expected an action that moves something, found none")
    return slice(int(busy[0]), int(busy[-1]) + 1 + REST)


def _episodes(
    files: list[Path], options: argparse.Namespace, outcomes: tuple[str, ...], report: Report
) -> Iterator[tuple[Trajectory, Recorded]]:
    commanders, known = _listed(options.commanders), _listed(options.known)
    for path in files:
        damage: Counter[str] = Counter()
        try:
            header = read_header(path)
            damage = header.damage
            if header.outcome not in outcomes:
                raise NoLabels(header.outcome, header.reason or "its outcome is not among --outcomes")
            if commanders and header.commander not in commanders:
                raise NoLabels("other_commander", f"expected {options.commanders}, found {header.commander}")
            cameras = (options.agentview, options.wrist)
            recorded = read_recorded(
                path, header, cameras=cameras, tolerance=options.tolerance, max_frames=options.max_frames
            )
            damage = recorded.damage
            recorded = _with_names(recorded, options)
            trajectory = to_trajectory(recorded, known, Heights(options.grasp_height, options.release_height))
        except (NoLabels, UnreadableRecording) as error:
            report.leave_out(path, error.name, str(error))
        except Exception as error:  # a recording may hold anything; the others are still to be read
            report.leave_out(path, "unusable", f"unusable: {type(error).__name__}: {error}")
        else:
            report.left_out.update(recorded.notes)
            yield trajectory, recorded
        finally:
            report.damaged.update(damage)


def _with_names(recorded: Recorded, options: argparse.Namespace) -> Recorded:
    """The recording with its cameras under the names that training knows, and without idle frames."""
    images = {"agentview": recorded.images[options.agentview], "wrist": recorded.images[options.wrist]}
    kept = slice(None) if options.keep_idle else without_idle(recorded)
    fields = dict(recorded.__dict__, images={name: view[kept] for name, view in images.items()})
    for name in ("stamps", "leads", "positions", "quaternions", "openings"):
        fields[name] = fields[name][kept]
    idle = len(recorded) - len(fields["stamps"])
    fields["notes"] = recorded.notes + Counter(idle_frames=idle)
    return Recorded(**fields)


def _write(out: Path, episodes: Iterator[tuple[Trajectory, Recorded]], report: Report) -> None:
    """Whole shards, one after the other; a full disk leaves none that is half written."""
    pending = next(episodes, None)
    shard = 0
    while pending is not None:
        with TrajectoryWriter(out / f"episodes-{shard:03d}.hdf5", env_name="recorded") as writer:
            for _ in range(SHARD):
                if pending is None:
                    break
                trajectory, recorded = pending
                writer.add(trajectory, {"leads": recorded.leads, "stamps": recorded.stamps})
                report.written += 1
                report.frames += len(trajectory)
                pending = next(episodes, None)
        shard += 1


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _say(report: Report, files: list[Path], out: Path) -> None:
    for name, reason in report.reasons.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    counts = {
        "recordings": len(files),
        "written": report.written,
        "frames": report.frames,
        "skipped": dict(report.skipped),
        "damaged": dict(report.damaged),
        "frames_left_out": dict(+report.left_out),
        "out": str(out),
    }
    print(json.dumps(counts))
