"""The simulated body as a node: the topics of a real robot, its clock, and the services of a test bench.

lockstep: the world waits for the command of each observation; same seed and same commander, same episode, bit for bit.
realtime: the world steps at the control rate on the steady clock with the last command, whatever is late.
Either way `/clock` is this node's own and strictly increases for the life of the process: a reset jumps one second
ahead.
"""

from __future__ import annotations

import sys
import time

from geometry_msgs.msg import PoseStamped
from inspire_msgs.srv import QuerySuccess, ResetWorld
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState

from inspire_policy.ros.messages import NANOSECONDS, MessageError, gripper_opening, pose_arrays, stamp_ns
from inspire_policy.ros.parameters import ConfigurationError, declare
from inspire_policy.ros.process import run_node
from inspire_policy.ros.qos import COMMAND
from inspire_sim.nodes.judge import EpisodeJudge
from inspire_sim.nodes.lockstep import Turnstile
from inspire_sim.nodes.publishing import BodyPublisher
from inspire_sim.simulation import Simulation, State, Target
from inspire_sim.worlds.base import WorldError
from inspire_sim.worlds.registry import WORLDS, make_world

RESET_JUMP = NANOSECONDS  # ns, further than any gap that a commander or a gate bridges


class SimNode(Node):
    """See the module. Raises ConfigurationError for a world that cannot be made."""

    def __init__(self) -> None:
        super().__init__("sim")
        world = declare(self, "world", "tabletop", "The simulated world.", choices=WORLDS)
        size = declare(self, "image_size", 128, "Width and height of both camera images, px.", low=16, high=1024)
        mode = declare(self, "mode", "lockstep", "Who waits for whom.", choices=("lockstep", "realtime"))
        timeout = declare(self, "lockstep_timeout", 30.0, "s without a command that end it.", low=0.1, high=3600.0)
        assets = declare(self, "assets", "", "Folder of LIBERO's assets; empty: the environment, the cache, the hub.")
        seed = declare(self, "seed", 0, "Seed of the episode that the node starts with.", low=0, high=2**31 - 1)
        task = declare(self, "task", "", "Task of that episode by name or index; empty: chosen by the seed.")
        split = declare(self, "split", "train", "Held-out split of that episode.")
        try:
            self._simulation = Simulation(make_world(world, image_size=size, assets=assets))
            self._simulation.reset(seed, task=task, split=split)
        except WorldError as error:
            raise ConfigurationError(str(error)) from error
        self._lockstep = mode == "lockstep"
        self._timeout = timeout
        self._period = round(self._simulation.world.contract.period * NANOSECONDS)
        self._stamp = NANOSECONDS  # zero means "no time yet" in ROS
        self._reset_stamp = self._stamp
        self._turnstile = Turnstile(timeout)
        self._last_pose: PoseStamped | None = None
        self._last_opening: float | None = None
        self._body = BodyPublisher(self, self._simulation)
        self._judge = EpisodeJudge(self, self._simulation)
        self.create_subscription(PoseStamped, "arm/target_pose", self._on_pose, COMMAND)
        self.create_subscription(JointState, "arm/gripper_target", self._on_gripper, COMMAND)
        self.create_service(ResetWorld, "sim/reset", self._on_reset)
        self.create_service(QuerySuccess, "sim/success", self._on_success)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        if self._lockstep:
            self.create_timer(0.1, self._watch, clock=steady)
        else:
            self.create_timer(self._simulation.world.contract.period, self._tick, clock=steady)
        self._say()
        self.get_logger().info(f"world {world}, {mode}, task {self._simulation.instruction!r}")

    def destroy_node(self) -> None:
        """Free the world as well."""
        if hasattr(self, "_simulation"):
            self._simulation.world.close()
        super().destroy_node()

    def _on_pose(self, message: PoseStamped) -> None:
        if message.header.frame_id != self._simulation.world.contract.frame:
            expected = self._simulation.world.contract.frame
            self._complain(f"arm/target_pose: expected frame {expected!r}, found {message.header.frame_id!r}")
        elif self._lockstep:
            self._turnstile.pose(stamp_ns(message.header.stamp), *pose_arrays(message.pose))
            self._advance_in_lockstep()
        elif stamp_ns(message.header.stamp) >= self._reset_stamp:
            self._last_pose = message

    def _on_gripper(self, message: JointState) -> None:
        try:
            opening = gripper_opening(message)
        except MessageError as error:
            self._complain(str(error))
            return
        if self._lockstep:
            self._turnstile.gripper(stamp_ns(message.header.stamp), opening)
            self._advance_in_lockstep()
        elif stamp_ns(message.header.stamp) >= self._reset_stamp:
            self._last_opening = opening

    def _advance_in_lockstep(self) -> None:
        target = self._turnstile.take()
        if target is None:
            return
        if not target.finite:
            self._complain("arm/target_pose: expected finite numbers, found others; not followed")
            self._simulation.fail("bad_target: expected finite numbers in the commanded pose, found others")
            self._say_episode()
            return
        self._simulation.start()
        self._simulation.advance(target)
        self._stamp += self._period
        self._say()

    def _watch(self) -> None:
        """Lockstep: speak again when nobody answers, give up when nobody ever does."""
        now = time.monotonic()
        if self._simulation.state is State.RUNNING and self._turnstile.expired(now):
            self._simulation.fail(
                f"lockstep_timeout: expected a command within {self._timeout:g} s, found none; "
                "is the commander running?"
            )
            self._turnstile.close()
            self._say_episode()
        elif self._turnstile.resend_due(now):
            self._body.observation(self._stamp)

    def _tick(self) -> None:
        """Realtime: one control period with the last command."""
        target = None
        if self._last_pose is not None:
            held = self._simulation.observation(images=False).gripper_opening
            opening = held if self._last_opening is None else self._last_opening
            target = Target(*pose_arrays(self._last_pose.pose), opening)
        if target is not None and not target.finite:
            self._complain("arm/target_pose: expected finite numbers, found others; not followed")
            target = None
        self._simulation.advance(target)
        self._stamp += self._period
        self._say()

    def _say(self) -> None:
        """Publish time, observation and episode; in lockstep wait for the answer unless the episode is over."""
        self._body.clock(self._stamp)
        if self._lockstep and not self._simulation.over:
            self._turnstile.ask(self._stamp, time.monotonic())
        self._body.observation(self._stamp)
        self._say_episode()

    def _say_episode(self) -> None:
        """Publish how the episode stands and, when it is over, judge the commander."""
        self._body.episode(self._stamp)
        self._judge.look()

    def _on_reset(self, request: ResetWorld.Request, response: ResetWorld.Response) -> ResetWorld.Response:
        try:
            episode = self._simulation.reset(
                request.seed, task=request.task, split=request.split, instruction=request.instruction
            )
        except WorldError as error:
            response.message = str(error)
            return response
        self._stamp += RESET_JUMP
        self._reset_stamp = self._stamp
        self._last_pose = self._last_opening = None
        self._say()
        response.ok = True
        response.task, response.instruction = episode.task, self._simulation.instruction
        response.objects, response.max_steps = list(self._simulation.objects), episode.max_steps
        return response

    def _on_success(self, request: QuerySuccess.Request, response: QuerySuccess.Response) -> QuerySuccess.Response:
        response.success = self._simulation.state is State.SUCCEEDED or self._simulation.world.success()
        response.step = self._simulation.step
        response.reason = self._simulation.reason or self._simulation.state.name.lower()
        return response

    def _complain(self, text: str) -> None:
        self.get_logger().warning(text, throttle_duration_sec=1.0)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(SimNode))


if __name__ == "__main__":
    main()
