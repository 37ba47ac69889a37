"""What breaks: each function takes the rig and returns since when it is broken, on the steady clock in ns."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import EndEffectorAction

from inspire_bringup.faults.faulty_policy import HAPPENED
from inspire_bringup.faults.rig import ARM, GATE, POLICY, RECORDER, Rig, fill_disk, pose_of
from inspire_policy.ros import qos

Inject = Callable[[Rig], int]
MS = 1_000_000
CHUNK = 500 * MS  # eight periods of the tabletop's bundle, and two more


def nothing(rig: Rig) -> int:
    """The control."""
    return time.monotonic_ns()


def calls(do: Callable[[Rig], object]) -> Inject:
    """The rig does something that takes effect while it is done."""

    def inject(rig: Rig) -> int:
        onset = time.monotonic_ns()
        do(rig)
        return onset

    return inject


def taken_over(rig: Rig) -> int:
    """The lease is given back and another's; the script goes on."""
    onset = time.monotonic_ns()
    rig.lease("script", release=True)
    rig.lease("another")
    return onset


def second_publisher(rig: Rig) -> int:
    """A second publisher on inspire/action, for a second."""
    onset = time.monotonic_ns()
    publisher = rig.node.create_publisher(EndEffectorAction, "inspire/action", qos.COMMAND)
    threading.Timer(1.0, rig.node.destroy_publisher, (publisher,)).start()
    return onset


def pose(**changed: float | str) -> Inject:
    """Somebody else publishes wrong poses of the arm: several, as the newest of a depth of one is what is read."""

    def inject(rig: Rig) -> int:
        publisher = rig.node.create_publisher(PoseStamped, "arm/state_pose", qos.STATE)
        rig.wait(lambda: publisher.get_subscription_count() >= 2, "the gate to hear a second driver")
        onset = time.monotonic_ns()
        for _ in range(15):
            publisher.publish(pose_of(rig, **changed))
            time.sleep(0.003)
        rig.node.destroy_publisher(publisher)
        return onset

    return inject


def jump(seconds: float) -> Inject:
    """ROS time jumps."""

    def inject(rig: Rig) -> int:
        onset = time.monotonic_ns()
        rig.clock_offset += round(seconds * 1e9)
        return onset

    return inject


def switch(says: bool | None) -> Inject:
    """The deadman says so; None: it is heard no more."""

    def inject(rig: Rig) -> int:
        onset = time.monotonic_ns()
        rig.deadman = says
        return onset

    return inject


def send(name: str, number: int) -> Inject:
    """A signal to a process, which is waited for where it ends. The arm's driver speaks until it has ended: what is
    missing from then on is its next pose.
    """

    def inject(rig: Rig) -> int:
        onset = rig.end(name, number)
        if number != signal.SIGSTOP:
            rig.wait_ended(name)
        if name == ARM:
            time.sleep(0.05)  # until its last poses have been read
            onset = max(onset, rig.seen.poses[-1].at)
        return onset

    return inject


def engine(what: str) -> Inject:
    """The engine is told to fail; the onset is when it does."""

    def inject(rig: Rig) -> int:
        happened = rig.folder / HAPPENED
        (rig.folder / what).touch()
        rig.wait(happened.exists, f"the engine to {what}")
        return int(happened.read_text())

    return inject


def engine_hangs(rig: Rig) -> int:
    """The engine never comes back; its process is of no use afterwards."""
    rig.spoilt.add(POLICY)
    return engine("hang")(rig)


def instruction_flood(rig: Rig) -> int:
    """A thousand instructions a second, for a second: the task's, others, nonsense and empty ones."""
    texts = (rig.instruction_text, "pick up the can and place it in the bin", "\x00" * 100, "", "x" * 10_000)
    onset = time.monotonic_ns()
    for index in range(1000):
        rig.instruct(texts[index % len(texts)])
        time.sleep(max(0.0, onset * 1e-9 + index * 1e-3 - time.monotonic()))
    return onset


def disk_full(rig: Rig) -> int:
    """The recorder can write no more, and what its process was denied it is denied for good."""
    rig.spoilt.add(RECORDER)
    onset = time.monotonic_ns()
    fill_disk(rig)
    return onset


# More that must hold.


def lease_comes_back(rig: Rig, onset: int) -> list[str]:
    """Whoever took the lease can give it back."""
    rig.lease("another", release=True)
    return [] if rig.seen.gate is not None else ["the gate is gone"]


def arm_stays_near(rig: Rig, onset: int) -> list[str]:
    """Without a gate the arm goes no further than the last lead."""
    most = rig.envelope.max_linear_speed / rig.contract.lead_gain + 1e-3
    rig.wait(lambda: rig.seen.poses and rig.seen.poses[-1].at > onset + 1_000 * MS, "the arm to come to rest")
    poses = [said for said in list(rig.seen.poses) if said.at >= onset]
    went = max(float(np.linalg.norm(said.position - poses[0].position)) for said in poses)
    speed = float(np.linalg.norm(poses[-1].position - poses[-20].position))
    found = [] if went <= most else [f"the arm went {went:.3f} m on without a gate"]
    return found if speed < 2e-3 else [*found, f"the arm still moves a second later, by {speed:.4f} m in 0.2 s"]


def still_without_a_chunk(rig: Rig, onset: int) -> list[str]:
    """Once the chunk at hand is used up, the policy's own actions leave the arm where it is."""
    up = onset + CHUNK
    found = []
    for said in rig.seen.motions(up):
        near = [pose.position for pose in list(rig.seen.poses) if abs(pose.at - said.at) < 350 * MS]
        away = min((float(np.abs(said.position - place).max()) for place in near), default=0.0)
        if away > 1e-6:
            found.append(f"a target {away:.4f} m from the arm without a chunk")
    return found[:1]


def recorder_lives(rig: Rig, onset: int) -> list[str]:
    """The recorder gave up the file and nothing else."""
    return [] if RECORDER in rig.alive() else ["the recorder died"]


def gate_and_arm_live(rig: Rig, onset: int) -> list[str]:
    """Nothing else ended."""
    return [f"{name} died" for name in (GATE, ARM) if name not in rig.alive()]
