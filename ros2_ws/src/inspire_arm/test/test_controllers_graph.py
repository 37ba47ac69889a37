"""Gate, fake controller and a scripted commander as processes: direction, speed, silence, SIGTERM and SIGKILL.

Nothing here depends on how fast this machine is: distances are bounded by the stamps that the messages carry.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, TwistStamped
from inspire_msgs.msg import GateStatus
from stand import CONTRACT, EVERYTHING, Stand, end
from std_msgs.msg import Float64

from inspire_policy.ros import messages, qos

LEAD = np.array([0.0, 0.015, 0.005])
SPEED = CONTRACT.lead_gain * float(np.linalg.norm(LEAD))  # 0.084 m/s
MAX_LEAD = 0.03
pytestmark = pytest.mark.timeout(600)  # seconds of a loaded machine; a quiet one takes a fiftieth
PATIENT = (
    *("enable_motion:=true", "deadman_required:=false", "silence_hold:=0.4", "silence_fault:=10.0"),
    *("max_action_age:=10.0", "max_observation_age:=10.0", "max_pose_age:=10.0", "max_pose_silence:=5.0"),
)
RULES = {
    "twist": ("servo", ("controller:=twist",)),
    "stiff_pose": ("fzi", ("controller:=stiff_pose", f"max_lead:={MAX_LEAD}")),
    "impedance_pose": ("crisp", ()),
}


class Rig(Stand):
    """A gate with a fake arm behind it; the commander is the test. `log`: of what the arm says."""

    def __init__(self, log: Path, controller: str, *parameters: str) -> None:
        kind, own = RULES[controller]
        self.topic = "arm/delta_twist_cmds" if controller == "twist" else "arm/target_pose"
        self.arm: subprocess.Popen | None = None
        self.measured: list[tuple[int, np.ndarray]] = []
        self.twists: list[TwistStamped] = []
        self.positions: list[float] = []
        super().__init__(*PATIENT, *own, "gripper_output:=position", "gripper_open_position:=0.08", *parameters)
        self.log = log
        with log.open("w") as stream:
            self.arm = subprocess.Popen(
                [sys.executable, "-m", "inspire_arm.nodes.fake_arm", "--ros-args", "-p", f"controller:={kind}"]
                + ["-p", "gripper_open_position:=0.08"],
                env=self.environment,
                stderr=stream,
            )
        self.node.destroy_publisher(self.poses)
        self.node.create_subscription(PoseStamped, "arm/state_pose", self._on_pose, EVERYTHING)
        self.node.create_subscription(TwistStamped, "arm/delta_twist_cmds", self.twists.append, EVERYTHING)
        self.node.create_subscription(
            Float64, "arm/gripper_position", lambda message: self.positions.append(message.data), EVERYTHING
        )
        self.wait(lambda: self.measured and self.commanded())
        assert self.acquire("policy").granted

    def _on_pose(self, message: PoseStamped) -> None:
        self.measured.append((messages.stamp_ns(message.header.stamp), messages.pose_arrays(message.pose)[0]))

    def commanded(self) -> bool:
        """Whether the gate's publisher, the fake and this node have found each other."""
        publishers, listeners = self.node.count_publishers, self.node.count_subscribers
        return publishers(self.topic) == 1 and listeners(self.topic) == 2

    def drive(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.act(self.now(), translation=LEAD)
            self.spin(0.04)

    def here(self) -> np.ndarray:
        return self.measured[-1][1]

    def at_rest(self, since: int = 0, within: float = 2e-4) -> bool:
        """Whether the last 0.3 s of poses, by their stamps, are one place `within` m, all from after `since` ns."""
        last = self.measured[-1][0]
        recent = [place for stamp, place in self.measured if stamp >= last - 300_000_000]
        span = last - max(self.measured[0][0], since)
        return span > 400_000_000 and max(float(np.linalg.norm(place - self.here())) for place in recent) < within

    def until_at_rest(self, within: float = 2e-4) -> None:
        """Wait until the arm is at rest from now on; what was sent before has been heard by then."""
        now = self.now()
        self.wait(lambda: self.at_rest(now, within))

    def kill_while_moving(self) -> None:
        """SIGKILL for the gate, whose last word is no hold, however busy the machine: it is stopped for a look."""

        def caught() -> bool:
            self.drive(0.3)
            self.process.send_signal(signal.SIGSTOP)
            stopped = self.now() + 200_000_000
            self.wait(lambda: self.measured[-1][0] > stopped)
            if self.in_state(GateStatus.MOVING) and (not self.twists or self.twists[-1].twist.linear.y > 0):
                return True
            self.process.send_signal(signal.SIGCONT)
            return False

        self.wait(caught)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)
        self.until_at_rest()

    def close(self) -> None:
        if self.arm is not None:
            end(self.arm)
        super().close()


@pytest.fixture
def rig(tmp_path):
    rigs: list[Rig] = []

    def start(controller: str, *parameters: str) -> Rig:
        rigs.append(Rig(tmp_path / "fake_arm.log", controller, *parameters))
        return rigs[-1]

    yield start
    for each in rigs:
        each.close()


def moved_rightly(rig: Rig, start: tuple[int, np.ndarray]) -> None:
    """The arm went the lead's way, no faster than k x lead."""
    stamp, place = rig.measured[-1]
    way = place - start[1]
    distance = float(np.linalg.norm(way))
    assert distance > 0.005
    assert float(way @ LEAD) / (distance * float(np.linalg.norm(LEAD))) > 0.999
    assert distance <= SPEED * ((stamp - start[0]) * 1e-9 + 0.15)


@pytest.mark.parametrize("controller", list(RULES))
def test_an_arm_moves_the_right_way_holds_on_silence_and_on_sigterm(rig, controller):
    rig = rig(controller)
    start = rig.measured[-1]
    rig.drive(1.0)
    rig.wait(lambda: rig.drive(0.1) or float(np.linalg.norm(rig.here() - start[1])) > 0.01)
    moved_rightly(rig, start)
    assert rig.positions == [0.08]  # a goal on change only, in the joint's own unit

    rig.wait(lambda: rig.statuses[-1].state == GateStatus.HOLDING and rig.at_rest())
    assert "silence" in rig.counts()
    before = rig.here()
    rig.spin(0.3)
    assert np.allclose(rig.here(), before, atol=2e-4)

    rig.drive(0.5)  # a hold is left by the next accepted action
    rig.process.send_signal(signal.SIGTERM)
    assert rig.process.wait(timeout=60) == 0
    rig.until_at_rest()
    if controller == "twist":
        last = rig.twists[-1]
        assert last.header.frame_id == CONTRACT.frame and last.twist.linear.y == 0.0
        speeds = {round(float(np.hypot(t.twist.linear.y, t.twist.linear.z)), 6) for t in rig.twists}
        assert round(SPEED, 6) in speeds and max(speeds) <= round(SPEED, 6)
    else:
        assert rig.targets[-1].pose == rig.targets[-2].pose
        hold, _ = messages.pose_arrays(rig.targets[-1].pose)
        assert float(np.linalg.norm(hold - rig.here())) < 0.005


def test_sigkill_of_the_gate_stops_servo_by_its_own_time_out(rig):
    rig = rig("twist")
    rig.kill_while_moving()
    last = messages.stamp_ns(rig.twists[-1].header.stamp)
    assert rig.twists[-1].twist.linear.y > 0  # its last word was no hold
    at_last = next(place for stamp, place in rig.measured if stamp >= last)
    assert float(np.linalg.norm(rig.here() - at_last)) <= SPEED * 0.12


def test_sigkill_of_the_gate_leaves_fzi_to_its_last_target_which_is_near(rig):
    rig = rig("stiff_pose")
    rig.kill_while_moving()
    last = messages.pose_arrays(rig.targets[-1].pose)[0]
    assert np.allclose(rig.here(), last, atol=5e-4)  # it went all the way, nothing stopped it
    stamp = messages.stamp_ns(rig.targets[-1].header.stamp)
    at_last = [place for when, place in rig.measured if when <= stamp][-1]
    assert float(np.linalg.norm(last - at_last)) <= MAX_LEAD + SPEED * 0.05


def test_a_dry_run_shows_the_twist_in_the_frame_that_the_parameter_names(stand):
    gate = stand("mode:=lockstep", "controller:=twist", "twist_frame:=panda_grip_site")
    shown: list[TwistStamped] = []
    gate.node.create_subscription(TwistStamped, "arm/dry_run/delta_twist_cmds", shown.append, EVERYTHING)
    gate.wait(lambda: gate.node.count_publishers("arm/dry_run/delta_twist_cmds") == 1)
    assert gate.acquire("policy").granted

    def ask() -> bool:
        gate.pose(5_000_000_000)
        gate.act(5_000_000_000, translation=LEAD)
        return bool(shown)

    gate.wait(ask)
    assert gate.node.count_publishers("arm/delta_twist_cmds") == 1 and shown[0].header.frame_id == "panda_grip_site"
    linear = shown[0].twist.linear  # the tool looks down: half a turn about x
    assert (linear.x, linear.y, linear.z) == pytest.approx(tuple(CONTRACT.lead_gain * LEAD * (1, -1, -1)))


def test_crisp_is_deaf_while_somebody_else_publishes_targets(rig):
    rig = rig("impedance_pose")
    second = rig.node.create_publisher(PoseStamped, "arm/target_pose", qos.COMMAND)
    rig.wait(lambda: rig.drive(0.1) or "more than one publisher" in rig.log.read_text())
    rig.until_at_rest(1e-7)  # where it went before it knew of the second
    before = rig.here()
    rig.drive(0.5)
    assert np.allclose(rig.here(), before, atol=1e-6)
    rig.node.destroy_publisher(second)
    rig.wait(lambda: rig.drive(0.1) or float(np.linalg.norm(rig.here() - before)) > 0.003)
