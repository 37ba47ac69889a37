"""A handful of faults through the graph, once each, and what the table's judgement rests on.

Whether a hold is late depends on the machine; a test must not: here only the judgement of times is taken out.
"""

import time

import numpy as np
import pytest

from inspire_arm.envelope import ROBOT
from inspire_bringup.errors import BadInput
from inspire_bringup.faults.__main__ import main, run
from inspire_bringup.faults.envelope import broken
from inspire_bringup.faults.kinds import KINDS
from inspire_bringup.faults.lag import Lag
from inspire_bringup.faults.observer import Said
from inspire_policy.action import ActionContract

CONTRACT = ActionContract()
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
MS = 1_000_000
FEW = ("nan_action", "operator_stop", "arm_sigkill", "gate_sigterm", "gate_sigkill")
BRAIN = ("nan_images", "engine_hangs")
# A machine that stands still this long stops the arm by itself just before a fault, which is then another: try again.
PAUSE, ATTEMPTS = 0.05, 5


def on_time(sentence: str) -> bool:
    return " ms late; this process was late by " not in sentence


@pytest.mark.slow
@pytest.mark.timeout(1200)  # seconds of a loaded machine; a quiet one takes a twentieth
@pytest.mark.parametrize("names", [FEW, BRAIN], ids=["script", "policy"])
def test_each_of_a_handful_stops_the_arm_within_the_envelope_and_says_why(domain_id, tmp_path, names):
    kinds = [kind for kind in KINDS if kind.name in names]
    assert len(kinds) == len(names)
    for attempt in range(ATTEMPTS):
        rows = run(kinds, 1, tmp_path / str(attempt))
        assert [row.trials for row in rows] == [1] * len(kinds)
        broken = {row.kind.name: [s for s in row.broken if on_time(s)] for row in rows}
        paused = {row.kind.name for row in rows if row.worst.lag > PAUSE}
        assert {name: told for name, told in broken.items() if told and name not in paused} == {}
        assert all(row.worst.hold_after is not None for row in rows if row.kind.hold and row.kind.name not in paused)
        kinds = [row.kind for row in rows if broken[row.kind.name]]
        if not kinds:
            return
    raise AssertionError(f"each time something is broken and the machine pauses: {broken}")


def test_there_are_as_many_kinds_as_promised_each_with_a_name_of_its_own():
    assert len(KINDS) >= 25 and len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(kind.reasons or kind.ended for kind in KINDS if kind.hold)


def said(at: int, x: float = 0.5, *, frame: str = CONTRACT.frame, quaternion=DOWN) -> Said:
    return Said(at, at, frame, np.array([x, 0.0, 0.3]), quaternion)


@pytest.mark.parametrize(
    ("motion", "complaint"),
    [
        (said(10 * MS, 0.54), None),
        (said(10 * MS, 0.60), "0.530 m/s from the arm"),
        (said(10 * MS, np.nan), "not finite"),
        (said(10 * MS, frame="world"), "in the frame 'world'"),
        (said(10 * MS, quaternion=np.zeros(4)), "without an orientation"),
        (said(2000 * MS, 0.5), "without any measured pose"),
    ],
)
def test_a_command_that_no_measured_pose_explains_breaks_the_envelope(motion, complaint):
    found = broken([motion], [], [said(0)], [0.5], envelope=ROBOT, contract=CONTRACT)
    assert found == [] if complaint is None else len(found) == 1 and complaint in found[0]


def test_a_hold_far_from_the_arm_and_an_opening_out_of_range_break_it_too():
    found = broken([], [said(10 * MS, 0.6)], [said(0)], [1.5], envelope=ROBOT, contract=CONTRACT)
    assert len(found) == 2 and "opening of 1.5" in found[0] and "a hold at" in found[1]


def test_outside_the_workspace_is_outside_the_envelope():
    found = broken([said(10 * MS, 0.77)], [], [said(0, 0.74)], [], envelope=ROBOT, contract=CONTRACT)
    assert len(found) == 1 and "a target at" in found[0]
    assert broken([said(10 * MS, 0.77)], [], [said(0, 0.78)], [], envelope=ROBOT, contract=CONTRACT) == []  # comes back


def test_the_lag_of_a_process_that_was_kept_waiting_is_measured():
    lag = Lag()
    lag.start()
    before = time.monotonic_ns()
    time.sleep(0.05)
    sum(range(2_000_000))  # whatever the machine does, lateness is never negative
    until = time.monotonic_ns()
    time.sleep(0.05)
    lag.stop()
    assert lag.worst(before, until) >= 0.0
    assert lag.worst(until + 10**12, until + 10**12) == 0.0


def test_unknown_kinds_are_refused_with_those_that_there_are():
    with pytest.raises(BadInput, match="kinds among nothing, commander_lost"):
        main(["--kinds", "gremlins"])
