"""Inputs to a gate in milliseconds: poses, actions, ticks, on both clocks alike."""

import numpy as np

from inspire_arm.envelope import SIM
from inspire_arm.gates import make_gate
from inspire_arm.motion import Action, Pose
from inspire_policy.action import ActionContract, Lead

CONTRACT = ActionContract()
MS = 1_000_000
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
T0 = 10_000 * MS


def make(lockstep=False, envelope=SIM, enabled=True, lease="policy", **more):
    gate = make_gate(contract=CONTRACT, envelope=envelope, lockstep=lockstep, motion_enabled=enabled, **more)
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
