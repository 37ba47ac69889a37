"""The pure gate: deadman, dry run, stop on violation, gripper rule, idle leases, clocks."""

import numpy as np
import pytest
from gate_inputs import MS, T0, action, counted, do, make, pose, see, tick

from inspire_arm.clock import ClockWatch
from inspire_arm.envelope import ROBOT
from inspire_arm.gripper import GripperRule
from inspire_arm.states import State
from inspire_arm.watchdog import Deadman


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
    assert counted(gate) == {"motion_disabled": 1} and gate.snapshot.state is State.IDLE
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
