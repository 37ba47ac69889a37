"""The pure gate: states, refusals by name, holds, lockstep answers, deadman, dry run, clocks."""

import math
from dataclasses import replace

import numpy as np
import pytest

from inspire_arm.clock import ClockWatch
from inspire_arm.envelope import ROBOT, SIM
from inspire_arm.gate import Gate, State
from inspire_arm.gripper import GripperRule
from inspire_arm.motion import Action, Pose
from inspire_arm.watchdog import Deadman
from inspire_policy.action import ActionContract, Lead
from inspire_policy.rotations import quaternion_from_rotvec, quaternion_multiply

CONTRACT = ActionContract()
MS = 1_000_000
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
T0 = 10_000 * MS


def make(lockstep=False, envelope=SIM, enabled=True, lease="policy", **more):
    gate = Gate(contract=CONTRACT, envelope=envelope, lockstep=lockstep, motion_enabled=enabled, **more)
    if lease:
        assert gate.acquire(lease)[0]
    return gate


def pose(t, position=(0.5, 0.0, 0.3), quaternion=DOWN, frame="panda_link0"):
    return Pose(T0 + t * MS, frame, np.array(position, dtype=float), np.array(quaternion, dtype=float))


def action(t, translation=(0.01, 0, 0), rotation=(0, 0, 0), opening=1.0, **changes):
    fields = {
        "stamp": T0 + t * MS,
        "observation_stamp": T0 + t * MS,
        "frame": "panda_link0",
        "tool_frame": "panda_grip_site",
        "commander_id": "policy",
        "chunk_id": 1,
        "index": 0,
        "lead": Lead(np.array(translation, dtype=float), np.array(rotation, dtype=float), opening),
    }
    return Action(**(fields | changes))


def see(gate, seen, t=0):
    return gate.on_pose(seen, now=T0 + t * MS, steady=t * MS)


def leap(gate, seen, t):
    """A pose at whose stamp ROS time is too, however little time has passed."""
    return gate.on_pose(seen, now=seen.stamp, steady=t * MS)


def do(gate, done, t=0):
    return gate.on_action(done, now=T0 + t * MS, steady=t * MS)


def tick(gate, t):
    return gate.tick(now=T0 + t * MS, steady=t * MS)


def counted(gate):
    return {reason.name: reason.count for reason in gate.snapshot.counts}


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


def test_the_deadman_must_be_held_and_its_release_is_no_silence():
    gate = make(deadman=Deadman(timeout=0.075))
    see(gate, pose(0))
    assert do(gate, action(0)) is None and counted(gate) == {"no_deadman": 1}
    assert gate.on_deadman(True, now=T0, steady=0) is None
    moved = do(gate, action(10), 10)
    assert moved is not None
    hold = gate.on_deadman(False, now=T0 + 20 * MS, steady=20 * MS)
    assert np.array_equal(hold.position, moved.position) and gate.snapshot.state is State.HOLDING
    for t in range(50, 1000, 50):  # the commander goes on: no fault comes of it
        see(gate, pose(t), t)
        assert do(gate, action(t), t) is None
        tick(gate, t)
    assert gate.snapshot.latched == () and set(counted(gate)) == {"no_deadman", "deadman_released"}
    gate.on_deadman(True, now=T0 + 1000 * MS, steady=1000 * MS)
    see(gate, pose(1000), 1000)
    assert do(gate, action(1000), 1000) is not None
    see(gate, pose(1050), 1050)
    assert do(gate, action(1050), 1050) is not None
    assert tick(gate, 1080) is not None and "deadman_lost" in counted(gate)


def test_a_deadman_cannot_be_required_in_lockstep():
    with pytest.raises(ValueError, match="no clock"):
        make(lockstep=True, deadman=Deadman())


@pytest.mark.parametrize("lockstep", [False, True])
def test_with_motion_disabled_commands_are_computed_and_withheld(lockstep):
    gate = make(enabled=False, lockstep=lockstep)
    shadow = make(lockstep=lockstep)
    for each in (gate, shadow):
        see(each, pose(0))
    assert do(gate, action(0)) is None
    sent, withheld = do(shadow, action(0)), gate.take_withheld()
    assert np.array_equal(sent.position, withheld.position) and gate.take_withheld() is None
    assert counted(gate) == {"motion_disabled": 1} and gate.snapshot.state is State.MOVING
    assert gate.last_word(now=T0) is None


def test_enabling_and_disabling_motion_ends_the_lease_and_disabling_holds():
    gate = make(enabled=False)
    see(gate, pose(0))
    do(gate, action(0))
    assert gate.enable_motion(True, now=T0) is None and gate.snapshot.motion_enabled
    assert gate.snapshot.state is State.IDLE and gate.snapshot.holder == ""
    assert tick(gate, 10) is None  # what the dry run held was never commanded
    assert gate.acquire("policy")[0]
    moved = do(gate, action(20), 20)
    hold = gate.enable_motion(False, now=T0 + 30 * MS)
    assert np.array_equal(hold.position, moved.position) and gate.snapshot.state is State.IDLE
    assert "motion_disabled" in counted(gate) and gate.enable_motion(False, now=T0) is None
    assert tick(gate, 200) is None


def test_a_violation_stops_where_the_parameter_says_so():
    gate = make(envelope=ROBOT, stop_on_violation=True)
    see(gate, pose(0))
    moved = do(gate, action(0, (0.005, 0, 0)))
    see(gate, pose(50), 50)
    hold = do(gate, action(50, (1.0, 0, 0)), 50)
    assert np.array_equal(hold.position, moved.position)
    assert [reason.name for reason in gate.snapshot.latched] == ["too_fast"]
    assert gate.snapshot.clamps == 0


def test_a_real_gripper_is_told_on_change_only():
    gate = make(gripper=GripperRule("switch"))
    see(gate, pose(0))
    wanted = [0.9, 0.8, 0.5, 0.45, 0.3, 0.5, 0.7]
    told = []
    for index, opening in enumerate(wanted):
        see(gate, pose(50 * index), 50 * index)
        told.append(do(gate, action(50 * index, opening=opening), 50 * index).opening)
    assert told == [1.0, None, None, None, 0.0, None, 1.0]
    assert tick(gate, 400).opening is None  # the gripper stays
    with pytest.raises(ValueError, match="continuous, switch"):
        GripperRule("soft")


def test_a_lease_that_is_never_used_expires():
    gate = make(lease_timeout=1.0)
    see(gate, pose(0))
    tick(gate, 1000)
    assert gate.snapshot.holder == "policy"
    tick(gate, 1010)
    assert gate.snapshot.holder == "" and counted(gate) == {"lease_expired": 1}


@pytest.mark.parametrize("jump", [400, -400])
def test_a_jump_of_ros_time_is_a_hold_and_the_motion_goes_on_in_the_new_time(jump):
    gate = make()
    see(gate, pose(0))
    moved = do(gate, action(0))
    hold = gate.tick(now=T0 + (10 + jump) * MS, steady=10 * MS)
    assert np.array_equal(hold.position, moved.position) and counted(gate) == {"clock_jump": 1}
    assert gate.on_pose(pose(20 + jump), now=T0 + (20 + jump) * MS, steady=20 * MS) is None
    assert gate.on_action(action(20 + jump), now=T0 + (20 + jump) * MS, steady=20 * MS) is not None


def test_late_and_stalled_clocks_are_no_jump():
    watch = ClockWatch(0.2)
    assert watch.jump(0, 0) == 0
    for t in range(10, 500, 10):  # the simulation stands still, then catches up
        assert watch.jump(0, t * MS) == 0
    assert watch.jump(500 * MS, 505 * MS) == 0
    for t in range(510, 5000, 10):  # half the speed
        assert watch.jump((500 + (t - 500) // 2) * MS, t * MS) == 0
    assert watch.jump(4500 * MS, 5000 * MS) > 0.2  # what was ahead two seconds ago is forgotten
    assert watch.jump(4400 * MS, 5000 * MS) == pytest.approx(-0.1)


def test_motion_remembers_its_speed_over_a_lost_pose():
    gate = make(envelope=ROBOT)
    for index in range(8):
        t = 40 * index
        if index != 6:
            see(gate, pose(t), t)
        speed = 0.04 if index < 7 else -0.04
        command = do(gate, action(t, (speed, 0, 0)), t)
    before = 5.3 * 0.04
    assert command.twist.linear[0] == pytest.approx(before - 2.0 * 0.04)
    assert "pose_silence" not in counted(gate)
