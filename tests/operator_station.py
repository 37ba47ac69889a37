"""An operator beside a robot's stack: commander, deadman, services, and a scenario that trips every stop.

The same scenario is played to a stack started by the runner and to one started by launch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import rclpy
import yaml
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import EndEffectorAction, GateStatus
from inspire_msgs.srv import AcquireLease
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from inspire_bringup.paths import parameter_file
from inspire_bringup.stacks import NodeSpec
from inspire_policy.action import ActionContract, Lead
from inspire_policy.ros import messages, qos

# A test must not depend on how busy the machine is: what is late here is no fault.
PATIENT = {
    **{"silence_hold": 0.9, "silence_fault": 10.0, "deadman_timeout": 0.9, "max_pose_silence": 5.0},
    **{"max_action_age": 5.0, "max_observation_age": 5.0, "max_pose_age": 5.0},
}


def patient_arm(folder: Path, arm: str) -> Path:
    """A copy of an arm's parameter file whose limits in time suit a busy machine; the others are the file's."""
    sections = yaml.safe_load(parameter_file(arm).read_text())
    sections["/**/arm_gate"]["ros__parameters"].update(PATIENT)
    path = folder / "patient_arm.yaml"
    path.write_text(yaml.safe_dump(sections, sort_keys=False))
    return path


def patient_nodes(nodes: Iterable[NodeSpec]) -> list[NodeSpec]:
    """The nodes of a stack, the gate with limits in time that suit a busy machine."""
    return [replace(n, parameters={**n.parameters, **PATIENT}) if n.executable == "arm_gate" else n for n in nodes]


class Station:
    """A node of the operator. `namespace`: of the stack, empty or absolute."""

    def __init__(self, domain_id: int, contract: ActionContract, namespace: str = "") -> None:
        self._contract = contract
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self._node = rclpy.create_node("station", context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.status: GateStatus | None = None
        self.place = np.zeros(3)
        self._node.create_subscription(GateStatus, "arm/status", self._on_status, qos.LATCHED)
        self._node.create_subscription(PoseStamped, "arm/state_pose", self._on_pose, qos.STATE)
        self._actions = self._node.create_publisher(EndEffectorAction, "inspire/action", qos.COMMAND)
        self._deadman = self._node.create_publisher(Bool, "arm/deadman", qos.HEARTBEAT)
        services = {"arm/acquire": AcquireLease, "arm/stop": Trigger, "arm/reset": Trigger}
        self._clients = {name: self._node.create_client(kind, name) for name, kind in services.items()}

    def _on_status(self, message: GateStatus) -> None:
        self.status = message

    def _on_pose(self, message: PoseStamped) -> None:
        self.place, _ = messages.pose_arrays(message.pose)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def wait(
        self, condition: Callable[[], bool], doing: Callable[[], None] = lambda: None, seconds: float = 120.0
    ) -> None:
        """Spin until a condition holds, `doing` something every 40 ms."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"timed out; last status: {self.status}"
            doing()
            pause = time.monotonic() + 0.04
            while time.monotonic() < pause:
                self._executor.spin_once(timeout_sec=0.02)

    def ready(self) -> bool:
        """Whether gate and arm are there and hear this station."""
        heard = self._actions.get_subscription_count() and self._deadman.get_subscription_count()
        answered = all(client.service_is_ready() for client in self._clients.values())
        return self.status is not None and bool(heard) and bool(self.place.any()) and answered

    def count(self, name: str) -> int:
        """How often the gate has counted a reason."""
        return 0 if self.status is None else sum(r.count for r in self.status.counts if r.name == name)

    def counted(self, name: str) -> bool:
        """Whether the gate has counted a reason."""
        return self.count(name) > 0

    def in_state(self, state: int) -> bool:
        """Whether the gate says so."""
        return self.status is not None and self.status.state == state

    def latched(self) -> list[str]:
        """The latched faults."""
        return [] if self.status is None else [reason.name for reason in self.status.latched]

    def _call(self, client, request):
        """The answer to what may be asked twice.

        It is asked again where no answer comes: a server may answer before it has discovered who asks, to nobody.
        """
        asked, since = client.call_async(request), time.monotonic()

        def ask_again() -> None:
            nonlocal asked, since
            if time.monotonic() - since > 5.0:
                asked, since = client.call_async(request), time.monotonic()

        self.wait(lambda: asked.done(), ask_again)
        return asked.result()

    def acquire(self) -> bool:
        """Ask for the lease."""
        return self._call(self._clients["arm/acquire"], AcquireLease.Request(commander_id="station")).granted

    def trigger(self, name: str) -> bool:
        """Call a service without arguments."""
        return self._call(self._clients[name], Trigger.Request()).success

    def act(self) -> None:
        """One action to the left, at 0.05 m/s."""
        now = self._node.get_clock().now().nanoseconds
        lead = Lead(np.array([0.0, 0.01, 0.0]), np.zeros(3), 1.0)
        self._actions.publish(
            messages.to_action(lead, self._contract, stamp=now, observation_stamp=now, commander_id="station")
        )

    def hold_deadman(self) -> None:
        """Hold the deadman and send no action."""
        self._deadman.publish(Bool(data=True))

    def drive(self) -> None:
        """Hold the deadman and act."""
        self.hold_deadman()
        self.act()

    def let_go(self) -> None:
        """Let the deadman go and act on."""
        self._deadman.publish(Bool(data=False))
        self.act()

    def by_turns(self, other: Callable[[], None]) -> Callable[[], None]:
        """Drive, and do the `other`, two seconds each, again and again.

        Only what moves can be stopped, and a machine that stood still for a second has stopped the arm by itself, under
        another name: then the arm is driven once more.
        """
        began = time.monotonic()

        def turn() -> None:
            (other if int((time.monotonic() - began) / 2.0) % 2 == 0 else self.drive)()

        return turn

    def moves_again(self) -> None:
        """Reset and drive until the arm moves: what a fault was about may be seen by the gate for a moment longer."""

        def recover() -> None:
            if self.status is None or self.status.commander_id != "station":
                assert self.trigger("arm/reset")
                self.acquire()
            self.drive()

        self.wait(lambda: self.in_state(GateStatus.MOVING), recover)

    def second_commander(self) -> Callable[[], None]:
        """Somebody else publishes actions; returns what ends it."""
        publisher = self._node.create_publisher(EndEffectorAction, "inspire/action", qos.COMMAND)
        return lambda: self._node.destroy_publisher(publisher) and None


def trip_everything(station: Station) -> None:
    """Deadman, stop, second commander, silence: each stops the arm under its name, and only a reset ends a fault."""
    station.wait(station.ready)
    start = station.place.copy()
    assert station.acquire()
    station.wait(lambda: station.counted("no_deadman"), station.act)
    assert not station.in_state(GateStatus.MOVING) and np.allclose(station.place, start, atol=1e-6)

    def moved() -> bool:
        return station.in_state(GateStatus.MOVING) and station.place[1] > start[1] + 0.004

    station.wait(moved, station.drive)

    def held(reason: str) -> bool:
        return station.in_state(GateStatus.HOLDING) and station.counted(reason)

    station.wait(lambda: held("deadman_released"), station.by_turns(station.let_go))
    station.wait(lambda: station.in_state(GateStatus.MOVING), station.drive)  # a hold is left by itself
    assert station.trigger("arm/stop")
    station.wait(lambda: station.latched() == ["operator_stop"], station.drive)
    assert not station.acquire()
    station.wait(lambda: station.counted("faulted"), station.drive)
    assert station.in_state(GateStatus.FAULT)
    assert station.trigger("arm/reset") and station.acquire()
    station.wait(lambda: station.in_state(GateStatus.MOVING), station.drive)

    end = station.second_commander()
    station.wait(lambda: station.latched() == ["second_commander"], station.drive)
    end()
    station.moves_again()
    station.wait(lambda: held("silence"), station.by_turns(station.hold_deadman))
