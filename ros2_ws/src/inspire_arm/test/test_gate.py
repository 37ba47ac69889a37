"""The pure gate: states, refusals by name, holds, lockstep answers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from gate_inputs import DOWN, MS, T0, action, counted, do, leap, make, pose, see, tick

from inspire_arm.envelope import ROBOT
from inspire_arm.states import State
from inspire_policy.rotations import quaternion_from_rotvec, quaternion_multiply


def test_an_action_moves_from_the_measured_pose_and_keeps_the_orientation_bit_for_bit():
    gate = make()
    see(gate, pose(0))
    command = do(gate, action(0, (0.01, -0.02, 0.03), (0.0, 0.0, 0.2), 0.7))
    assert np.array_equal(command.position, np.array([0.5, 0.0, 0.3]) + [0.01, -0.02, 0.03])
    # The rotation lead is applied on the left: about the base's axes.
    expected = quaternion_multiply(quaternion_from_rotvec(np.array([0.0, 0.0, 0.2])), DOWN)
    assert np.array_equal(command.quaternion, expected)
    assert command.opening == 0.7
    turned = quaternion_multiply(quaternion_from_rotvec(np.array([0.0, 0.05, 0.1])), DOWN)
    see(gate, pose(50, quaternion=turned), 50)
    kept = do(gate, action(50), 50)
    assert np.array_equal(kept.quaternion, expected)
    assert gate.snapshot.clamps == 0 and counted(gate) == {}
    assert gate.snapshot.state is State.MOVING


def test_at_the_start_a_zero_rotation_keeps_the_measured_orientation():
    gate = make()
    see(gate, pose(0))
    assert np.array_equal(do(gate, action(0)).quaternion, DOWN)


REFUSALS = {
    "non_finite_action": lambda: action(0, (math.nan, 0, 0)),
    "stale_action": lambda: action(-150, observation_stamp=T0),
    "future_action": lambda: action(150),
    "stale_observation": lambda: action(0, observation_stamp=T0 - 600 * MS),
    "wrong_frame": lambda: action(0, frame="world"),
    "wrong_tool_frame": lambda: action(0, tool_frame="panda_hand"),
    "wrong_commander": lambda: action(0, commander_id="expert"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_bad_action_is_refused_by_name_and_the_next_good_one_moves(name):
    gate = make()
    see(gate, pose(0))
    assert do(gate, REFUSALS[name]()) is None
    assert do(gate, REFUSALS[name]()) is None
    assert counted(gate) == {name: 2}
    reason = gate.snapshot.counts[0]
    assert "expected" in reason.detail and "found" in reason.detail
    assert gate.snapshot.state is State.IDLE
    assert do(gate, action(0)) is not None


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["translation", "rotation", "opening"])
def test_no_non_finite_number_passes(number, place):
    value = number if place == "opening" else (0, number, 0)
    gate = make()
    see(gate, pose(0))
    assert do(gate, action(0, **{place: value})) is None
    assert counted(gate) == {"non_finite_action": 1}


def test_refusals_that_depend_on_the_state():
    gate = make(lease="")
    see(gate, pose(0))
    assert do(gate, action(0)) is None
    blind = make()
    assert do(blind, action(0)) is None
    late = make()
    see(late, pose(-100))
    assert do(late, action(60), 60) is None
    deaf = make(envelope=ROBOT)
    see(deaf, pose(0))
    assert do(deaf, action(80), 80) is None
    twice = make()
    see(twice, pose(0))
    assert do(twice, action(0)) is not None
    assert do(twice, action(0, chunk_id=2)) is None
    names = [list(counted(each)) for each in (gate, blind, late, deaf, twice)]
    assert names == [["no_lease"], ["no_pose"], ["stale_pose"], ["pose_silence"], ["reordered_action"]]


def test_the_lease_has_one_holder():
    gate = make()
    granted, message = gate.acquire("expert")
    assert not granted and "policy" in message
    assert gate.acquire("policy")[0]
    assert not gate.release("expert", now=T0)[0]
    assert gate.release("policy", now=T0)[0]
    assert gate.acquire("expert")[0]
    assert not gate.acquire("")[0]


def test_silence_holds_after_75_ms_and_is_a_fault_after_500():
    gate = make()
    see(gate, pose(0))
    moved = do(gate, action(0))
    assert tick(gate, 70) is None
    hold = tick(gate, 80)
    assert gate.snapshot.state is State.HOLDING
    assert np.array_equal(hold.position, moved.position)
    assert np.array_equal(hold.quaternion, moved.quaternion)
    assert hold.stamp == T0 + 80 * MS
    # The arm sags; the hold does not follow it. It is said once a control period.
    see(gate, pose(90, (0.5, 0.0, 0.28)), 90)
    said = [command for t in range(90, 490, 10) if (command := tick(gate, t)) is not None]
    assert 7 <= len(said) <= 8
    assert all(np.array_equal(command.position, moved.position) for command in said)
    assert tick(gate, 510) is not None
    assert gate.snapshot.state is State.FAULT
    assert [reason.name for reason in gate.snapshot.latched] == ["silence"]
    assert gate.snapshot.holder == ""
    assert do(gate, action(510), 510) is None and "faulted" in counted(gate)


def test_a_hold_leaves_by_itself_on_the_next_action():
    gate = make()
    see(gate, pose(0))
    do(gate, action(0))
    tick(gate, 80)
    see(gate, pose(100), 100)
    assert do(gate, action(100), 100) is not None
    assert gate.snapshot.state is State.MOVING


def test_a_hold_far_from_the_last_target_is_the_measured_pose():
    gate = make()
    see(gate, pose(0))
    do(gate, action(0))
    see(gate, pose(50, (0.5, 0.3, 0.3)), 50)
    assert np.array_equal(tick(gate, 80).position, [0.5, 0.3, 0.3])


def test_another_episode_captures_the_hold_anew():
    gate = make()
    see(gate, pose(0))
    do(gate, action(0))
    tick(gate, 80)
    leap(gate, pose(1080, (0.4, 0.0, 0.4)), 90)
    assert np.array_equal(gate.tick(now=T0 + 1130 * MS, steady=140 * MS).position, [0.4, 0.0, 0.4])


def test_a_hold_outlives_a_gap_in_the_poses_of_an_arm_that_stays():
    gate = make()
    see(gate, pose(0))
    moved = do(gate, action(0))
    tick(gate, 80)
    leap(gate, pose(1080, (0.5, 0.0, 0.27)), 90)
    assert np.array_equal(gate.tick(now=T0 + 1130 * MS, steady=140 * MS).position, moved.position)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("non_finite_pose", lambda: pose(10, (math.nan, 0, 0))),
        ("invalid_orientation", lambda: pose(10, quaternion=(0, 0, 0, 0.5))),
        ("wrong_pose_frame", lambda: pose(10, frame="world")),
    ],
)
def test_a_bad_pose_is_a_fault_and_the_arm_holds(name, bad):
    gate = make()
    see(gate, pose(0))
    moved = do(gate, action(0))
    hold = see(gate, bad(), 10)
    assert np.array_equal(hold.position, moved.position)
    assert gate.snapshot.state is State.FAULT
    assert [reason.name for reason in gate.snapshot.latched] == [name]
    assert not gate.acquire("policy")[0]


def test_only_a_reset_clears_a_fault_and_nothing_moves_by_itself_afterwards():
    gate = make()
    see(gate, pose(0))
    do(gate, action(0))
    assert gate.on_publishers(1, now=T0) is None
    assert gate.on_publishers(2, now=T0) is not None
    assert gate.on_publishers(2, now=T0) is None  # the hold is said once, then by the loop
    assert gate.on_publishers(1, now=T0) is None
    assert gate.snapshot.state is State.FAULT and counted(gate)["second_commander"] == 2
    gate.reset()
    assert gate.snapshot.state is State.HOLDING and gate.snapshot.counts == ()
    assert do(gate, action(10), 10) is None and counted(gate) == {"no_lease": 1}
    assert gate.acquire("policy")[0]
    assert do(gate, action(10), 10) is not None


def test_nothing_is_commanded_before_the_first_action():
    gate = make()
    see(gate, pose(0))
    assert gate.fault("operator_stop", "", now=T0) is None
    assert tick(gate, 100) is None
    assert gate.last_word(now=T0) is None


def test_lockstep_pairs_in_either_order_and_repeats_its_answer():
    gate = make(lockstep=True)
    assert see(gate, pose(0)) is None
    first = do(gate, action(0))
    assert first is not None and first.stamp == T0
    assert do(gate, action(0)) is first
    assert see(gate, pose(0)) is first
    assert do(gate, action(50)) is None
    second = see(gate, pose(50, (0.51, 0, 0.3)))
    assert second.stamp == T0 + 50 * MS
    assert np.array_equal(second.position, np.array([0.51, 0, 0.3]) + [0.01, 0, 0])
    assert do(gate, action(0)) is None and counted(gate) == {"stale_action": 1}


def test_lockstep_ignores_clocks():
    gate = make(lockstep=True)
    see(gate, pose(0))
    assert gate.on_action(action(0), now=0, steady=0) is not None
    see(gate, pose(50))
    assert gate.on_action(action(50), now=T0 * 9, steady=3600_000 * MS) is not None
    assert gate.snapshot.clamps == 0


def test_lockstep_drops_its_memory_when_time_jumps():
    gate = make(lockstep=True)
    see(gate, pose(0))
    do(gate, action(0, rotation=(0, 0, 0.3)))
    see(gate, pose(1050))
    assert np.array_equal(do(gate, action(1050)).quaternion, DOWN)


def test_lockstep_holds_with_the_last_stamp_so_that_time_stands_still():
    gate = make(lockstep=True)
    see(gate, pose(0))
    moved = do(gate, action(0))
    see(gate, pose(50))
    released, _, hold = gate.release("policy", now=T0 + 50 * MS)
    assert released and hold.stamp == T0 and np.array_equal(hold.position, moved.position)
    assert gate.snapshot.state is State.HOLDING
    assert gate.last_word(now=T0 + 50 * MS).stamp == T0


def test_an_orientation_kept_from_far_away_is_approached_within_the_limit():
    gate = make(envelope=replace(ROBOT, max_measured_turn=100.0))
    see(gate, pose(0))
    do(gate, action(0, rotation=(0, 0, 0.02)))
    turned = quaternion_multiply(quaternion_from_rotvec(np.array([0.0, 0.0, 1.5])), DOWN)
    see(gate, pose(50, quaternion=turned), 50)
    command = do(gate, action(50), 50)
    reached = quaternion_multiply(quaternion_from_rotvec(np.array([0.0, 0.0, 1.5 - 0.5 / 5.3])), DOWN)
    assert np.allclose(command.quaternion, reached)
    assert "too_fast" in counted(gate) and gate.snapshot.clamps == 1
