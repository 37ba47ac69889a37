"""Does another bundle take the running one's place without a missed control period? Measured in realtime.

Gate, arm and policy run as processes; synthetic cameras at 20 Hz. While the arm moves, `inspire/load_bundle` is called
again and again. Every observation must be answered by an action with its stamp, and none of them may be a hold because
the chunk ran out. Times are the publishers' own (DDS's source timestamps).

"lag" is the worst lateness of a timer of 5 ms in this process: a machine that is late by a control period misses one
whatever the policy does, so the rows before the exchanges are what the others are compared with.

Exit codes: 0 none missed between the calls and their answers, 1 some were, 2 bad input, 3 a node failed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from inspire_msgs.msg import EndEffectorAction
from inspire_msgs.srv import LoadBundle
from sensor_msgs.msg import Image

from inspire_bringup.errors import BadInput, ExitCode, StackFailure
from inspire_bringup.faults.observer import EVERYTHING
from inspire_bringup.faults.rig import Rig, Setup
from inspire_bringup.options import Parser, finish
from inspire_bringup.runner import say
from inspire_bringup.stacks import bundle_folder
from inspire_policy.ros.messages import stamp_ns

BEFORE, AFTER = 5.0, 1.0  # s of motion that are measured before the exchanges, and after each
SERVICE = "inspire/load_bundle"


@dataclass(frozen=True)
class Act:
    """An action as published: at (source timestamp, ns), the stamp it answers (ns), whether it only holds."""

    at: int
    stamp: int
    hold: bool


@dataclass(frozen=True)
class Phase:
    """A part of the time. begin, end: ROS time, ns. lag: see the module, s."""

    name: str
    begin: int
    end: int
    lag: float


@dataclass(frozen=True)
class Row:
    """What a phase showed: periods (observations), missed ones, holds; ms from an observation to its action (median and
    worst), the longest time between two actions, lag in ms.
    """

    name: str
    periods: int
    missed: int
    held: int
    median: float
    worst: float
    gap: float
    lag: float

    def text(self) -> str:
        """The row of the table."""
        return (
            f"| {self.name} | {self.periods} | {self.missed} | {self.held} | {self.median:.0f} | {self.worst:.0f} "
            f"| {self.gap:.0f} | {self.lag:.0f} |"
        )


HEAD = (
    "| phase | control periods | missed | held | answered after ms, median | worst | longest without action, ms "
    "| lag, ms |\n|---|---|---|---|---|---|---|---|"
)


def row_of(phase: Phase, observed: Iterable[int], acts: Sequence[Act]) -> Row:
    """Compare the stamps of a phase's observations with the actions. Raises ValueError where there was none."""
    stamps = [stamp for stamp in observed if phase.begin <= stamp < phase.end]
    if not stamps:
        raise ValueError(f"{phase.name}: expected observations, found none in {(phase.end - phase.begin) * 1e-9:.2f} s")
    first = {act.stamp: act for act in reversed(acts)}
    answers = [first[stamp] for stamp in stamps if stamp in first]
    delays = [(act.at - act.stamp) * 1e-6 for act in answers]
    times = sorted(act.at for act in acts if phase.begin <= act.at < phase.end)
    return Row(
        phase.name,
        periods=len(stamps),
        missed=len(stamps) - len(answers),
        held=sum(act.hold for act in answers),
        median=float(np.median(delays)) if delays else np.inf,
        worst=max(delays, default=np.inf),
        gap=1e-6 * float(np.diff([phase.begin, *times, phase.end]).max()),
        lag=1e3 * phase.lag,
    )


class Exchanges:
    """Listens to a rig that moves, and exchanges its policy's bundle."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.observed: list[int] = []
        self.acts: list[Act] = []
        self.phases: list[Phase] = []
        self._client = rig.node.create_client(LoadBundle, SERVICE)
        rig.node.create_subscription(EndEffectorAction, "inspire/action", self._on_action, EVERYTHING)
        assert rig.cameras is not None
        self._main_camera = rig.cameras.names[0]
        rig.cameras.fault = self._note

    def move(self, name: str, seconds: float) -> None:
        """Let the arm move on for a while: a phase."""
        begin = time.time_ns(), time.monotonic_ns()
        time.sleep(seconds)
        self._end(name, *begin)

    def load(self, name: str, bundle: str) -> str:
        """Call for a bundle and wait for it: a phase; the answer. Raises StackFailure on a refusal."""
        self._rig.wait(self._client.service_is_ready, f"service {SERVICE}")
        begin = time.time_ns(), time.monotonic_ns()
        asked = self._client.call_async(LoadBundle.Request(bundle=bundle))
        self._rig.wait(asked.done, f"answer of {SERVICE}")
        self._end(name, *begin)
        answer = asked.result()
        if not answer.success:
            raise StackFailure(f"exchange: expected another bundle in use, found it refused: {answer.message}")
        return answer.message

    def rows(self) -> list[Row]:
        """The phases' rows, once the last actions have come."""
        time.sleep(AFTER)
        return [row_of(phase, self.observed, self.acts) for phase in self.phases]

    def _end(self, name: str, begin: int, steady: int) -> None:
        lag = self._rig.lag.worst(steady, time.monotonic_ns())
        self.phases.append(Phase(name, begin, time.time_ns(), lag))

    def _note(self, camera: str, image: Image) -> Iterable[tuple[float, Image]]:
        if camera == self._main_camera:
            self.observed.append(stamp_ns(image.header.stamp))
        return ((0.0, image),)

    def _on_action(self, message: EndEffectorAction, info: Any) -> None:
        stamp, translation, rotation = stamp_ns(message.header.stamp), message.translation_lead, message.rotation_lead
        still = not any(getattr(lead, axis) for lead in (translation, rotation) for axis in "xyz")
        hold = still and stamp_ns(message.observation_stamp) == stamp
        self.acts.append(Act(int(info["source_timestamp"]), stamp, hold))


def run(bundle: str, other: str, exchanges: int, folder: Path) -> list[Row]:
    """Exchange `bundle` and `other` in turns while the arm moves. Raises StackFailure."""
    with Rig(Setup(policy=True), folder, bundle=bundle) as rig:
        watch = Exchanges(rig)
        rig.begin()
        watch.move("before", BEFORE)
        for number in range(1, exchanges + 1):
            said = watch.load(f"exchange {number}", bundle_folder(other if number % 2 else bundle))
            say(said)
            watch.move(f"after {number}", AFTER)
        return watch.rows()


def main(arguments: list[str] | None = None) -> int:
    """Print the table and return the exit code. Raises BringupError."""
    parser = Parser(
        prog="python -m inspire_bringup.exchange_benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bundle", default="tabletop", help="The bundle at the start. Default: tabletop.")
    parser.add_argument("--other", default="", help="The bundle it is exchanged with. Default: the same, loaded anew.")
    parser.add_argument("--exchanges", type=int, default=5, help="How many. Default: 5.")
    options = parser.parse_args(arguments)
    if options.exchanges < 1:
        raise BadInput(f"exchanges: expected 1 or more, found {options.exchanges}")
    bundle, other = bundle_folder(options.bundle), bundle_folder(options.other or options.bundle)
    with tempfile.TemporaryDirectory(prefix="inspire_exchange_") as folder:
        rows = run(bundle, other, options.exchanges, Path(folder))
    print("\n".join([HEAD, *(row.text() for row in rows)]), flush=True)
    missed = sum(row.missed + row.held for row in rows if row.name.startswith("exchange"))
    print(f"\n{options.exchanges} exchanges, {missed} control periods missed or held in them")
    return ExitCode.TASK_FAILED if missed else ExitCode.OK


if __name__ == "__main__":
    finish(main)
