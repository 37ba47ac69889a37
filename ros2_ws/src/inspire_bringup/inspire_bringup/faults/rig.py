"""The stand on which faults are tried: gate, arm and, where a kind needs them, policy and recorder as processes.

The rig itself is commander or cameras, operator, deadman and clock, on one node; the observer listens on the same.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import CommanderStatus, EndEffectorAction, GateStatus
from inspire_msgs.srv import AcquireLease
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from inspire_arm.envelope import ROBOT
from inspire_bringup.environment import remove_orphaned_segments, stack_environment
from inspire_bringup.errors import StackFailure
from inspire_bringup.faults import cameras, commander
from inspire_bringup.faults.commander import Commander
from inspire_bringup.faults.faulty_policy import FOLDER, HAPPENED
from inspire_bringup.faults.lag import Lag
from inspire_bringup.faults.observer import Observer
from inspire_bringup.processes import log_tail, node_command, ros_arguments
from inspire_bringup.record_stack import episode_recorder
from inspire_bringup.stacks import NodeSpec, Value, bundle_folder
from inspire_policy.action import ActionContract
from inspire_policy.bundle import find_bundle, load_bundle
from inspire_policy.parity import PARITY_FILE, read_parity
from inspire_policy.ros import messages, qos
from inspire_policy.ros.spinning import Spinning

GATE, ARM, POLICY, RECORDER = "arm_gate", "fake_arm", "policy", "episode_recorder"
SET = f"{GATE}/set_parameters"
CALM = 0.6  # s of undisturbed motion before a fault: longer than the gate's counts wait for its next status
BEATS = 0.01  # s between the deadman's and the clock's messages


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a kind of fault needs beside gate and arm.

    Attributes:
        policy: the policy with synthetic cameras commands, else a script. deadman: required by the gate.
        sim_time: ROS time is the rig's. recorder: records every instruction.
    """

    policy: bool = False
    deadman: bool = False
    sim_time: bool = False
    recorder: bool = False


class Rig:
    """See the module. A context manager.

    Args:
        setup: what runs. folder: of logs and recordings. bundle: of the policy. patience: s for whatever must happen.
    """

    def __init__(self, setup: Setup, folder: Path, *, bundle: str = "tabletop", patience: float = 120.0) -> None:
        self.setup, self.folder, self.envelope, self.contract = setup, folder, ROBOT, ActionContract()
        self._patience = patience
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.update(stack_environment(os.environ, log_folder=folder / "ros"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.spoilt: set[str] = set()  # nodes that no longer work and are replaced after the trial
        self.ended: dict[str, int] = {}  # exit status of processes that a fault ended
        self.clock_offset = 0  # ns; a jump of the clock changes it
        self.deadman: bool | None = True  # None: heard no more
        self._specs = self._nodes(bundle)
        self.lag = Lag()
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("rig", context=self._context, enable_rosout=False, start_parameter_services=False)
        self.seen = Observer(self.node)
        publish = self.node.create_publisher
        services: dict[str, Any] = {"arm/acquire": AcquireLease, SET: SetParameters}
        services |= {"arm/stop": Trigger, "arm/reset": Trigger}
        self._clients = {name: self.node.create_client(kind, name) for name, kind in services.items()}
        self._instruction = publish(String, "instruction", qos.INSTRUCTION)
        self.commander: Commander | None = None
        self.cameras: cameras.Cameras | None = None
        if setup.policy:
            self._make_cameras(bundle)
        else:
            actions = publish(EndEffectorAction, "inspire/action", qos.COMMAND)
            self.commander = Commander(actions.publish, self.now, self.seen.across, self.contract)
            self._status = publish(CommanderStatus, "inspire/status", qos.LATCHED)
        self._clock = publish(Clock, "/clock", qos.STATE) if setup.sim_time else None
        self._switch = publish(Bool, "arm/deadman", qos.HEARTBEAT) if setup.deadman else None
        self._over = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)
        self._spinning: Spinning | None = None

    def _nodes(self, bundle: str) -> dict[str, NodeSpec]:
        timing: dict[str, Value] = {"use_sim_time": self.setup.sim_time}
        gate: dict[str, Value] = {"enable_motion": True, "deadman_required": self.setup.deadman, **timing}
        specs = [
            NodeSpec(package="inspire_arm", executable="arm_gate", name=GATE, parameters=gate),
            NodeSpec(package="inspire_arm", executable="fake_arm", name=ARM, parameters=timing),
        ]
        if self.setup.policy:
            brain: dict[str, Value] = {"mode": "realtime", "bundle": bundle_folder(bundle), "autostart": True}
            specs.append(
                NodeSpec(package="inspire_policy", executable="policy_node", name=POLICY, parameters=brain | timing)
            )
        if self.setup.recorder:
            specs.append(episode_recorder(str(self.folder / "episodes"), reserve_mb=0))
        return {spec.name: spec for spec in specs}

    def _make_cameras(self, bundle: str) -> None:
        found = load_bundle(find_bundle(bundle))
        sample = read_parity(str(found.file(PARITY_FILE)))[0]
        images = sample.job.observation.images
        self.instruction_text = sample.job.instruction
        topics = {
            camera: self.node.create_publisher(Image, f"camera/{camera}/color/image_raw", qos.IMAGE)
            for camera in found.manifest.cameras
        }
        publish = {camera: publisher.publish for camera, publisher in topics.items()}
        self.cameras = cameras.Cameras(publish, self.now, {camera: images[camera] for camera in topics})

    def __enter__(self) -> Rig:
        self._spinning = Spinning(self.node)
        for part in (self.lag, self._beats, self.commander, self.cameras):
            if part is not None:
                part.start()
        self.restart()
        return self

    def __exit__(self, *_: object) -> None:
        for part in (self.commander, self.cameras, self.lag):
            if part is not None:
                part.stop()
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(15.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._over.set()
        self._beats.join()
        if self._spinning is not None:
            self._spinning.close()  # the node's publisher of actions would be a second commander to the next rig
        self._context.try_shutdown()
        remove_orphaned_segments()

    # Processes.

    def pid(self, name: str) -> int:
        """Process id of a node."""
        return self._processes[name].pid

    def restart(self) -> None:
        """Start what does not run, and let go on what was stopped."""
        for name, spec in self._specs.items():
            process = self._processes.get(name)
            if process is None or process.poll() is not None:
                self._processes[name] = self._start(spec)
            else:
                process.send_signal(signal.SIGCONT)
        self.ended.clear()

    def alive(self) -> list[str]:
        """The nodes whose processes run."""
        return [name for name, process in self._processes.items() if process.poll() is None]

    def end(self, name: str, number: int) -> int:
        """Send a signal to a node that it does not survive; returns the steady time before it, ns."""
        onset = time.monotonic_ns()
        self._processes[name].send_signal(number)
        return onset

    def wait_ended(self, name: str) -> None:
        """Wait until a process is gone and remember how."""
        self.ended[name] = self._processes[name].wait(self._patience)
        remove_orphaned_segments()

    def _start(self, spec: NodeSpec) -> subprocess.Popen[bytes]:
        command, environment = node_command(spec), dict(os.environ)
        if spec.name == POLICY:
            command = [sys.executable, "-m", "inspire_bringup.faults.faulty_policy", *ros_arguments(spec)]
            environment[FOLDER] = str(self.folder)
        with open(self.folder / f"{spec.name}.log", "ab") as log:
            return subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    # What the rig says.

    def now(self) -> int:
        """ROS time, ns."""
        return time.time_ns() + self.clock_offset

    def _beat(self) -> None:
        while not self._over.wait(BEATS):
            if self._clock is not None:
                self._clock.publish(Clock(clock=messages.to_stamp(self.now())))
            if self._switch is not None and self.deadman is not None:
                self._switch.publish(Bool(data=self.deadman))

    def call(self, name: str, request: Any) -> Any:
        """Call a service and return its response. Raises StackFailure."""
        client = self._clients[name]
        self.wait(client.service_is_ready, f"service {name}")
        future = client.call_async(request)
        self.wait(future.done, f"answer of {name}")
        return future.result()

    def trigger(self, name: str) -> None:
        """Call a service without arguments."""
        self.call(name, Trigger.Request())

    def lease(self, name: str, *, release: bool = False) -> None:
        """Ask for the lease, or give it back."""
        self.call("arm/acquire", AcquireLease.Request(commander_id=name, release=release))

    def set_gate(self, name: str, value: bool) -> None:
        """Set a parameter of the gate."""
        parameter = Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value))
        self.call(SET, SetParameters.Request(parameters=[parameter]))

    def instruct(self, text: str) -> None:
        """Publish an instruction."""
        self._instruction.publish(String(data=text))

    def say_acting(self, acting: bool) -> None:
        """What the script says about itself, for the recorder."""
        state = CommanderStatus.ACTING if acting else CommanderStatus.READY
        text = f"trial {time.monotonic_ns()}" if acting else ""
        self._status.publish(CommanderStatus(state=state, commander_id=commander.NAME, instruction=text))

    # A trial's beginning and end.

    def wait(self, done: Callable[[], Any], what: str) -> None:
        """Wait for a condition. Raises StackFailure with what was expected."""
        deadline = time.monotonic() + self._patience
        while not done():
            if time.monotonic() > deadline:
                logs = "\n".join(line for name in self._specs for line in log_tail(self.folder / f"{name}.log", 5))
                raise StackFailure(f"expected {what} within {self._patience:g} s, found none; {self._found()}\n{logs}")
            time.sleep(0.01)

    def begin(self) -> None:
        """Clear faults and move until all has been calm for a while."""
        self.wait(lambda: self.seen.gate is not None and len(self.alive()) == len(self._specs), "every node")
        self.wait(lambda: self._fresh(self.seen.poses), "poses")
        self.wait(self._clients["arm/stop"].service_is_ready, "the gate's services")
        for name in (HAPPENED, "raise", "hang"):
            (self.folder / name).unlink(missing_ok=True)
        self.set_gate("enable_motion", True)
        self.trigger("arm/reset")
        self.seen.forget()
        asked = 0.0
        deadline = time.monotonic() + self._patience
        while not self._calm():
            if time.monotonic() > deadline:
                raise StackFailure(f"expected {CALM:g} s of undisturbed motion, found none; {self._found()}")
            if time.monotonic() > asked:
                asked = time.monotonic() + 2.0
                self._ask_to_move()
            time.sleep(0.02)

    def _ask_to_move(self) -> None:
        if self.commander is not None:
            if self.seen.latched():
                self.trigger("arm/reset")
            self.lease(commander.NAME)
            self.commander.acting = True
            if self.setup.recorder and not list((self.folder / "episodes").glob("*.partial")):
                self.say_acting(True)
        elif self.seen.commander is not None and self.seen.commander.state != CommanderStatus.ACTING:
            if self.seen.latched():
                self.trigger("arm/reset")
            self.instruct(self.instruction_text)

    def _calm(self) -> bool:
        """Whether motion went on without a hold for a while."""
        since = time.monotonic_ns() - int(CALM * 1e9)
        moving = self.seen.gate is not None and self.seen.gate.state == GateStatus.MOVING
        recording = not self.setup.recorder or bool(list((self.folder / "episodes").glob("*.partial")))
        return moving and recording and len(self.seen.motions(since)) >= 6 and not self.seen.holds(since)

    def finish(self) -> None:
        """After a trial: everything as it was."""
        self.deadman, self.clock_offset = True, 0
        if self.commander is not None:
            self.commander.fault, self.commander.acting = commander.faithful, False
            if self.setup.recorder:
                self.say_acting(False)
        if self.cameras is not None:
            self.cameras.fault = cameras.faithful
            self.instruct("")
            self.spoilt.add(ARM)  # before the same picture a policy goes the same way until it is at a wall
        for name in self.spoilt & set(self.alive()):
            self.end(name, signal.SIGKILL)
            self.wait_ended(name)
        self.spoilt.clear()
        self.seen.poses.clear()  # the next trial begins once the rig, not only the gate, hears the arm
        if GATE not in self.alive():
            self.seen.gate = None
        self.restart()

    def _fresh(self, said: list[Any]) -> bool:
        return bool(said) and time.monotonic_ns() - said[-1].at < 200_000_000

    def _found(self) -> str:
        gate, told = self.seen.gate, self.seen.commander
        state = "no status of the gate" if gate is None else f"gate in state {gate.state}, {self.seen.counted()}"
        return state + ("" if told is None else f"; commander in state {told.state} ({told.reason})")


def fill_disk(rig: Rig) -> None:
    """No byte more for the recorder's files: what a full disk does, by the kernel's limit on the size of files."""
    written = max(path.stat().st_size for path in (rig.folder / "episodes").glob("*.partial"))
    pid = rig.pid(RECORDER)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (written, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def pose_of(rig: Rig, **changed: Any) -> PoseStamped:
    """The newest measured pose, stamped now, with some of x, y, z, frame changed."""
    newest = rig.seen.poses[-1]
    position = newest.position.copy()
    for index, axis in enumerate("xyz"):
        position[index] = changed.get(axis, position[index])
    frame = changed.get("frame", newest.frame)
    return messages.to_pose_stamped(position, newest.quaternion, rig.now(), frame)
