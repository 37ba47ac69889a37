"""The arm gate on the graph: feeds the pure gate with messages and publishes the commands that it returns.

In lockstep no clock or timer is in the path. In realtime a steady-clock loop of 100 Hz watches for silence and says
holds. With motion disabled what would be commanded is published under `arm/dry_run`.
"""

from __future__ import annotations

import sys
import time

import rclpy.clock
from geometry_msgs.msg import PoseStamped
from inspire_msgs.msg import EndEffectorAction, GateStatus, StopReason
from inspire_msgs.srv import AcquireLease
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from inspire_arm.adapters import make_adapter
from inspire_arm.gates import make_gate
from inspire_arm.motion import Action, Command, Pose
from inspire_arm.nodes.grippers import Gripper, JointStateGripper, make_gripper
from inspire_arm.nodes.health import ACTION, DEADMAN, POSE, GateHealth
from inspire_arm.nodes.outputs import Output, make_output
from inspire_arm.nodes.parameters import declare_parameters
from inspire_arm.reasons import OPERATOR_STOP, Reason
from inspire_arm.states import Snapshot
from inspire_policy.ros import messages, qos
from inspire_policy.ros.diagnostics import Diagnostics
from inspire_policy.ros.process import run_node

LOOP_PERIOD = 0.01  # s
GRAPH_PERIOD = 0.05  # s, how often publishers are counted
STATUS_PERIOD = 0.5  # s


class ArmGate(Node):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("arm_gate")
        parameters = declare_parameters(self)
        self._lockstep = parameters.lockstep
        self._frame = parameters.contract.frame
        controller = parameters.controller
        self._gate = make_gate(
            contract=parameters.contract,
            envelope=parameters.envelope,
            adapter=make_adapter(
                controller.controller, parameters.envelope, parameters.contract, controller.lead_limits
            ),
            lockstep=parameters.lockstep,
            motion_enabled=parameters.motion_enabled,
            watchdog=parameters.watchdog,
            deadman=parameters.deadman,
            gripper=parameters.gripper,
            stop_on_violation=parameters.stop_on_violation,
            lease_timeout=parameters.lease_timeout,
        )
        self._health = GateHealth(controller.controller)
        self._pose_stamp = 0
        self._told: tuple[object, ...] = ()
        self._arm = make_output(self, controller), make_gripper(self, controller.gripper)
        self._dry_run = (
            make_output(self, controller, dry_run=True),
            JointStateGripper(self, "arm/dry_run/gripper_target"),
        )
        self._status = self.create_publisher(GateStatus, "arm/status", qos.LATCHED)
        self.create_subscription(PoseStamped, "arm/state_pose", self._on_pose, qos.STATE)
        self.create_subscription(JointState, "arm/gripper_state", self._on_gripper, qos.STATE)
        self._actions = self.create_subscription(EndEffectorAction, "inspire/action", self._on_action, qos.COMMAND)
        self.create_subscription(Bool, "arm/deadman", self._on_deadman, qos.HEARTBEAT)
        self.create_service(AcquireLease, "arm/acquire", self._on_acquire)
        self.create_service(Trigger, "arm/stop", self._on_stop_service)
        self.create_service(Trigger, "arm/reset", self._on_reset)
        steady = rclpy.clock.Clock(clock_type=rclpy.clock.ClockType.STEADY_TIME)
        self.create_timer(STATUS_PERIOD, self._publish_status, clock=steady)
        self.create_timer(GRAPH_PERIOD, self._count_publishers, clock=steady)
        if not self._lockstep:
            self.create_timer(LOOP_PERIOD, self._on_tick, clock=steady)
        Diagnostics(self, lambda: self._health.report(self._gate.snapshot, time.monotonic()))
        self.add_post_set_parameters_callback(self._on_parameters)
        self._publish_status()
        if not parameters.motion_enabled:
            self.get_logger().warning("motion is disabled: commands go to arm/dry_run until enable_motion is true")

    def on_stop(self) -> None:
        """The last message is the hold command."""
        self._publish(self._gate.last_word(now=self._now()))

    def _now(self) -> int:
        """ROS time, ns; in lockstep the stamp of the newest pose is all the time there is."""
        return self._pose_stamp if self._lockstep else self.get_clock().now().nanoseconds

    def _on_pose(self, message: PoseStamped) -> None:
        position, quaternion = messages.pose_arrays(message.pose)
        stamp = messages.stamp_ns(message.header.stamp)
        self._pose_stamp = stamp
        self._health.hear(POSE, time.monotonic())
        pose = Pose(stamp, message.header.frame_id, position, quaternion)
        self._publish(self._gate.on_pose(pose, now=self._now(), steady=time.monotonic_ns()))

    def _on_gripper(self, message: JointState) -> None:
        try:
            self._gate.on_gripper(messages.gripper_opening(message))
        except messages.MessageError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    def _on_action(self, message: EndEffectorAction) -> None:
        self._count_publishers()
        self._health.hear(ACTION, time.monotonic())
        action = Action(
            stamp=messages.stamp_ns(message.header.stamp),
            observation_stamp=messages.stamp_ns(message.observation_stamp),
            frame=message.header.frame_id,
            tool_frame=message.tool_frame,
            commander_id=message.commander_id,
            chunk_id=message.chunk_id,
            index=message.index,
            lead=messages.lead_of(message),
        )
        self._publish(self._gate.on_action(action, now=self._now(), steady=time.monotonic_ns()))

    def _on_deadman(self, message: Bool) -> None:
        self._health.hear(DEADMAN, time.monotonic())
        self._publish(self._gate.on_deadman(message.data, now=self._now(), steady=time.monotonic_ns()))

    def _on_parameters(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if parameter.name == "enable_motion":
                self._publish(self._gate.enable_motion(parameter.value, now=self._now()))
                self.get_logger().warning(f"motion is {'enabled' if parameter.value else 'disabled'}")
                self._publish_status()

    def _on_tick(self) -> None:
        self._publish(self._gate.tick(now=self._now(), steady=time.monotonic_ns()))

    def _count_publishers(self) -> None:
        count = self.count_publishers(self._actions.topic_name)
        self._publish(self._gate.on_publishers(count, now=self._now()))

    def _on_acquire(self, request: AcquireLease.Request, response: AcquireLease.Response) -> AcquireLease.Response:
        if request.release:
            response.granted, response.message, hold = self._gate.release(request.commander_id, now=self._now())
            self._publish(hold)
        else:
            response.granted, response.message = self._gate.acquire(request.commander_id, steady=time.monotonic_ns())
        response.holder = self._gate.snapshot.holder
        self._publish_status()
        return response

    def _on_stop_service(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._publish(self._gate.fault(OPERATOR_STOP, "arm/stop was called: call arm/reset to go on", now=self._now()))
        response.success, response.message = True, "stopped: the arm holds until arm/reset"
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._gate.reset()
        self._publish_status()
        response.success, response.message = True, "faults and counts cleared; commanders must acquire the lease again"
        return response

    def _publish(self, command: Command | None) -> None:
        """Publish a command, and the status where it changed."""
        if command is not None:
            self._say(command, *self._arm)
            self._health.say(time.monotonic())
        withheld = self._gate.take_withheld()
        if withheld is not None:
            self._say(withheld, *self._dry_run)
        if _notable(self._gate.snapshot) != self._told:
            self._publish_status()

    def _say(self, command: Command, arm: Output, gripper: Gripper) -> None:
        arm.say(command, self._now())
        if command.opening is not None:
            gripper.say(command.opening, command.stamp)

    def _publish_status(self) -> None:
        snapshot = self._gate.snapshot
        for reason in snapshot.latched:
            if reason.name not in self._told:
                self.get_logger().error(f"fault {reason.name}: {reason.detail}")
        self._told = _notable(snapshot)
        message = GateStatus(
            state=snapshot.state.value,
            latched=[_to_message(reason) for reason in snapshot.latched],
            counts=[_to_message(reason) for reason in snapshot.counts],
            clamps=snapshot.clamps,
            commander_id=snapshot.holder,
        )
        message.header.stamp = messages.to_stamp(self._now())
        message.header.frame_id = self._frame
        self._status.publish(message)


def _notable(snapshot: Snapshot) -> tuple[object, ...]:
    """What is told at once when it changes; counts wait for the next status."""
    return snapshot.state, ("holder", snapshot.holder), *(reason.name for reason in snapshot.latched)


def _to_message(reason: Reason) -> StopReason:
    return StopReason(name=reason.name, detail=reason.detail, stamp=messages.to_stamp(reason.stamp), count=reason.count)


def main() -> None:
    """Entry point of the process."""
    sys.exit(run_node(ArmGate))


if __name__ == "__main__":
    main()
