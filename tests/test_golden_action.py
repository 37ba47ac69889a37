"""The golden action contract: through the gate and back, robosuite's own OSC_POSE controller gets the same goals.

One environment is driven with the actions directly, its twin through lead -> gate -> target pose -> action, in the base
frame.
"""

import os

import numpy as np
import pytest

from inspire_arm.envelope import SIM
from inspire_arm.lockstep import LockstepGate
from inspire_arm.motion import Action, Pose
from inspire_policy.action import ActionContract, lead_from_osc
from inspire_policy.rotations import quaternion_from_rotvec, quaternion_multiply, rotate, rotvec_from_quaternion
from inspire_sim.osc import osc_from_target

os.environ.setdefault("MUJOCO_GL", "osmesa")
os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")
robosuite = pytest.importorskip("robosuite")

CONTRACT = ActionContract()
PERIOD = 50_000_000  # ns
STEPS = 75


def make_arm():
    environment = robosuite.make(
        "Lift",
        robots="Panda",
        controller_configs=robosuite.load_controller_config(default_controller="OSC_POSE"),
        has_renderer=False,
        has_offscreen_renderer=False,
        use_camera_obs=False,
        control_freq=20,
        ignore_done=True,
        initialization_noise=None,
        hard_reset=False,
    )
    environment.reset()
    return environment


def quaternion_of(matrix):
    """Quaternion (x, y, z, w) of a rotation matrix (3, 3)."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(matrix).as_quat()


def site(environment):
    """Position and orientation (matrix) of grip_site in the world, as the controller measures it."""
    controller = environment.robots[0].controller
    controller.update(force=True)
    return controller.ee_pos.copy(), controller.ee_ori_mat.copy()


def measured(environment):
    """Pose of grip_site in the robot's base frame: position (3,), quaternion (4,)."""
    position, matrix = site(environment)
    robot = environment.robots[0]
    base_position, base = np.array(robot.base_pos), robot.base_ori  # base_ori: quaternion x, y, z, w
    back = np.array([-base[0], -base[1], -base[2], base[3]])
    return rotate(back, position - base_position), quaternion_multiply(back, quaternion_of(matrix))


class ThroughTheGate:
    """Actions in, what the simulated arm is given out."""

    def __init__(self):
        self.gate = LockstepGate(contract=CONTRACT, envelope=SIM, motion_enabled=True)
        assert self.gate.acquire("golden")[0]
        self.stamp, self.last = PERIOD, None

    def __call__(self, environment, osc):
        position, quaternion = measured(environment)
        self.stamp += PERIOD
        self.gate.on_pose(Pose(self.stamp, CONTRACT.frame, position, quaternion), now=0, steady=0)
        action = Action(
            self.stamp,
            self.stamp,
            CONTRACT.frame,
            CONTRACT.tool_frame,
            "golden",
            1,
            0,
            lead_from_osc(osc, CONTRACT),
        )
        command = self.gate.on_action(action, now=0, steady=0)
        result = osc_from_target(
            command.position,
            command.quaternion,
            measured_position=position,
            measured_quaternion=quaternion,
            last_target_quaternion=self.last,
            opening=command.opening,
            contract=CONTRACT,
        )
        self.last = command.quaternion
        return result, command


@pytest.fixture(scope="module")
def arms():
    pair = make_arm(), make_arm()
    yield pair
    for each in pair:
        each.close()


def random_actions(seed):
    """Smooth random actions, (STEPS, 7): full scale at times, rotation exactly zero for stretches, both grips."""
    generator = np.random.default_rng(seed)
    knots = generator.uniform(-1.5, 1.5, (STEPS // 10 + 2, 6))
    steps = np.arange(STEPS) / 10
    motion = np.stack([np.interp(steps, np.arange(len(knots)), column) for column in knots.T], axis=1).clip(-1, 1)
    motion[:, 2] = 0.5 * motion[:, 2] + 0.2  # up on average: contacts would amplify rounding errors
    still = np.repeat(generator.random(STEPS // 5) < 0.4, 5)
    motion[still, 3:] = 0.0
    gripper = np.repeat(generator.choice([-1.0, 1.0], STEPS // 15), 15)
    return np.column_stack([motion, gripper])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_controller_gets_the_same_goals_and_goes_the_same_way(arms, seed):
    direct, gated = arms
    for environment in arms:
        environment.reset()
    # The scene's object lies at random; the arms shall meet nothing that differs.
    gated.sim.set_state(direct.sim.get_state())
    gated.sim.forward()
    gate = ThroughTheGate()
    zeros = 0
    for osc in random_actions(seed):
        given, command = gate(gated, osc)
        assert np.allclose(given, osc, atol=1e-9)
        if not osc[3:6].any():
            zeros += 1
            assert not given[3:6].any()  # exactly: OSC keeps its goal
        direct.step(osc)
        gated.step(given)
        ours, theirs = gated.robots[0].controller, direct.robots[0].controller
        assert np.allclose(ours.goal_pos, theirs.goal_pos, atol=1e-6)
        assert np.allclose(ours.goal_ori, theirs.goal_ori, atol=1e-6)
        assert np.allclose(site(gated)[0], site(direct)[0], atol=1e-6)
        assert np.allclose(site(gated)[1], site(direct)[1], atol=1e-6)
        # The commanded pose is the controller's goal, in the base frame.
        robot = gated.robots[0]
        world = np.array(robot.base_pos) + rotate(robot.base_ori, command.position)
        assert np.allclose(world, ours.goal_pos, atol=1e-9)
        turn = quaternion_multiply(robot.base_ori, command.quaternion)
        goal = quaternion_of(ours.goal_ori)
        assert abs(abs(float(turn @ goal)) - 1.0) < 1e-9
        assert np.allclose(gated.robots[0].gripper.current_action, direct.robots[0].gripper.current_action)
    assert 10 < zeros < STEPS
    assert gate.gate.snapshot.clamps == 0 and gate.gate.snapshot.counts == ()


def test_scale_frame_sign_and_gripper(arms):
    arm, _ = arms

    def travelled(osc, steps=20):
        arm.reset()
        gate = ThroughTheGate()
        before = measured(arm)
        fingers = arm.sim.data.get_joint_qpos("gripper0_finger_joint1")
        for _ in range(steps):
            arm.step(gate(arm, np.array(osc, dtype=float))[0])
        after = measured(arm)
        back = np.array([-before[1][0], -before[1][1], -before[1][2], before[1][3]])
        turned = rotvec_from_quaternion(quaternion_multiply(after[1], back))
        return after[0] - before[0], turned, arm.sim.data.get_joint_qpos("gripper0_finger_joint1") - fingers

    for axis in range(3):
        osc = np.zeros(7)
        osc[axis] = 0.4
        moved = travelled(osc)[0]
        assert np.argmax(np.abs(moved)) == axis and moved[axis] > 0.05
        # A set-point lead, not a displacement per period: 20 x 0.02 m would be 0.4 m.
        assert moved[axis] == pytest.approx(CONTRACT.lead_gain * 0.4 * 0.05 * 20 * 0.05, rel=0.35)
    turned = travelled([0, 0, 0, 0, 0, 0.2, 0])[1]
    assert np.argmax(np.abs(turned)) == 2 and turned[2] > 0.2
    assert travelled([0, 0, 0, 0, 0, 0, 1])[2] < -0.01  # closes
    assert travelled([0, 0, 0, 0, 0, 0, -1])[2] > 0.01  # opens


def test_a_target_out_of_reach_of_one_action_is_approached():
    far = osc_from_target(
        np.array([0.5, 0.0, 0.0]),
        quaternion_from_rotvec(np.array([0.0, 0.0, 1.0])),
        measured_position=np.zeros(3),
        measured_quaternion=np.array([0.0, 0.0, 0.0, 1.0]),
        last_target_quaternion=None,
        opening=0.2,
        contract=CONTRACT,
    )
    assert np.array_equal(far, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
